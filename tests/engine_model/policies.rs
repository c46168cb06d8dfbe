//! Resource policies, of streams and of consumers.

use kinetik::api::{DeleteResourcePolicyInput, GetResourcePolicyInput, PutResourcePolicyInput};
use proptest::prelude::*;

use crate::address::{Refused, unless};
use crate::tags::{Target, target};
use crate::world::World;

#[derive(Clone, Debug)]
pub enum Step {
    Put {
        target: Target,
        number: u8,
        is_object: bool,
    },
    Get {
        target: Target,
    },
    Delete {
        target: Target,
    },
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let put = (target(), any::<u8>(), prop::bool::weighted(0.9)).prop_map(
        |(target, number, is_object)| Step::Put {
            target,
            number,
            is_object,
        },
    );
    prop_oneof![
        put,
        target().prop_map(|target| Step::Get { target }),
        target().prop_map(|target| Step::Delete { target }),
    ]
}

impl World {
    pub fn run_policy(&mut self, step: Step) {
        match step {
            Step::Put {
                target,
                number,
                is_object,
            } => self.put_policy(target, number, is_object),
            Step::Get { target } => self.get_policy(target),
            Step::Delete { target } => {
                let resource_arn = target.arn(self);
                let input = DeleteResourcePolicyInput {
                    resource_arn,
                    ..Default::default()
                };
                let policy = self.policy_of(target);
                let verdict = policy.and_then(|policy| unless(policy.is_none(), Refused::Missing));
                if self.expect(input, Some(target.stream), verdict).is_some() {
                    *self.policy_of(target).unwrap() = None;
                }
            }
        }
    }

    pub fn get_policy(&mut self, target: Target) {
        let resource_arn = target.arn(self);
        let input = GetResourcePolicyInput {
            resource_arn,
            ..Default::default()
        };
        let policy = self.policy_of(target).cloned();
        let verdict = policy.as_ref().map(|_| ()).map_err(|refused| *refused);
        if let Some(output) = self.expect(input, Some(target.stream), verdict) {
            let expected = policy.unwrap().unwrap_or_else(|| "{}".into());
            assert_eq!(output.policy, expected);
        }
    }

    fn put_policy(&mut self, target: Target, number: u8, is_object: bool) {
        let policy = match is_object {
            true => format!("{{\"Version\":\"{number}\"}}"),
            false => number.to_string(),
        };
        let input = PutResourcePolicyInput {
            resource_arn: target.arn(self),
            policy: Some(policy.as_str().into()),
            ..Default::default()
        };
        let verdict = self.policy_of(target).map(|_| ());
        let verdict = verdict.and_then(|()| unless(!is_object, Refused::Argument));
        if self.expect(input, Some(target.stream), verdict).is_some() {
            *self.policy_of(target).unwrap() = Some(policy);
        }
    }

    fn policy_of(&mut self, target: Target) -> Result<&mut Option<String>, Refused> {
        let stream = self
            .streams
            .get_mut(&target.stream)
            .ok_or(Refused::Missing)?;
        let Some(consumer) = target.consumer else {
            return Ok(&mut stream.policy);
        };
        let consumer = stream
            .consumers
            .get_mut(&consumer)
            .ok_or(Refused::Missing)?;
        Ok(&mut consumer.policy)
    }
}
