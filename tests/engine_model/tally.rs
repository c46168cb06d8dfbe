//! How often each operation was answered, and refused.

use std::collections::BTreeMap;

use kinetik::api::Operation;

#[derive(Debug, Default)]
pub struct Tally(BTreeMap<Operation, Count>);

#[derive(Debug, Default)]
struct Count {
    answered: u64,
    refused: u64,
}

impl Tally {
    pub fn note(&mut self, operation: Operation, was_answered: bool) {
        let count = self.0.entry(operation).or_default();
        match was_answered {
            true => count.answered += 1,
            false => count.refused += 1,
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (&operation, count) in &other.0 {
            let sum = self.0.entry(operation).or_default();
            sum.answered += count.answered;
            sum.refused += count.refused;
        }
    }

    /// What is missing for each of these operations to have been answered and refused.
    pub fn gaps(&self, operations: &[Operation]) -> Vec<String> {
        let mut gaps = Vec::new();
        for operation in operations {
            let count = self.0.get(operation);
            let name = operation.name();
            if count.is_none_or(|count| count.answered == 0) {
                gaps.push(format!("{name} answered"));
            }
            if count.is_none_or(|count| count.refused == 0) {
                gaps.push(format!("{name} refused"));
            }
        }
        gaps
    }
}
