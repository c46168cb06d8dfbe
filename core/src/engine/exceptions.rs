//! Which exceptions a fault may answer.

use crate::api::Operation;

/// Those that AWS answers to every operation, beside those of its model: those of its front, under the names that Kinesis
/// has for them, and those of a service that is not well. Source: AWS, common errors; reference/kinesis-api.md 1.2.
const COMMON: [&str; 13] = [
    "InternalFailure",
    "InternalFailureException",
    "ServiceUnavailable",
    "ThrottlingException",
    "ValidationException",
    "SerializationException",
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
    "UnknownOperationException",
];

/// What may end a subscription that has begun, beside the errors of the operation. Source: model,
/// `SubscribeToShardEventStream`.
const OF_SUBSCRIPTIONS: [&str; 6] = [
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "KMSOptInRequired",
    "KMSThrottlingException",
];

/// All that an operation may be told to answer.
pub(super) fn of(operation: Operation) -> Vec<&'static str> {
    let own: &[_] = match operation {
        Operation::SubscribeToShard => &OF_SUBSCRIPTIONS,
        _ => &[],
    };
    let modelled = operation.errors().iter().copied();
    let mut all: Vec<_> = modelled.chain(own.iter().copied()).collect();
    let common = COMMON
        .into_iter()
        .filter(|name| !operation.errors().contains(name));
    all.extend(common);
    all
}

/// Whether an exception can only come within a subscription that has begun.
pub(super) fn is_of_events(operation: Operation, exception: &str) -> bool {
    operation == Operation::SubscribeToShard && OF_SUBSCRIPTIONS.contains(&exception)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_may_be_denied_throttled_and_badly_signed() {
        for operation in Operation::ALL {
            let names = of(operation);
            for name in [
                "AccessDeniedException",
                "ThrottlingException",
                "IncompleteSignatureException",
                "InternalFailure",
            ] {
                assert_eq!(
                    names.iter().filter(|one| **one == name).count(),
                    1,
                    "{operation:?}"
                );
            }
        }
    }

    #[test]
    fn subscriptions_end_for_keys_and_other_operations_have_only_their_own() {
        assert!(of(Operation::SubscribeToShard).contains(&"KMSDisabledException"));
        assert!(!of(Operation::ListShards).contains(&"KMSDisabledException"));
    }
}
