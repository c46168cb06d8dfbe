//! The contract of the service: operations, shapes, validation and wire forms.
