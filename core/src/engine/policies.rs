//! Resource policies: kept as they are put. The engine has one caller and enforces none.

use bytestring::ByteString;

use super::{Inner, Now};
use crate::api::{
    DeleteResourcePolicyInput, GetResourcePolicyInput, GetResourcePolicyOutput,
    PutResourcePolicyInput, Refusal, Value, json,
};

impl Inner {
    pub(super) fn put_policy(
        &self,
        now: Now,
        input: &PutResourcePolicyInput,
    ) -> Result<(), Refusal> {
        let resource = self.resource(now, input.resource_arn.as_ref())?;
        let put = input.policy.clone().unwrap_or_default();
        if !matches!(json::decode(&put.clone().into_bytes()), Some(Value::Map(_))) {
            // AWS's text is not known.
            let text = "The resource policy is not a valid JSON object.";
            return Err(Refusal::invalid_argument(text));
        }
        resource.change(|_, policy| {
            *policy = Some(put);
            Ok(())
        })
    }

    /// An empty object where there is none. Source: LocalStack's recording of AWS, 2025.
    pub(super) fn get_policy(
        &self,
        now: Now,
        input: &GetResourcePolicyInput,
    ) -> Result<GetResourcePolicyOutput, Refusal> {
        let resource = self.resource(now, input.resource_arn.as_ref())?;
        let policy = resource.change(|_, policy| Ok(policy.clone()))?;
        Ok(GetResourcePolicyOutput {
            policy: policy.unwrap_or_else(|| "{}".into()),
        })
    }

    pub(super) fn delete_policy(
        &self,
        now: Now,
        input: &DeleteResourcePolicyInput,
    ) -> Result<(), Refusal> {
        let arn = input.resource_arn.as_ref();
        let resource = self.resource(now, arn)?;
        resource.change(|_, policy| match policy.take() {
            Some(_) => Ok(()),
            None => Err(none_there(arn.map_or("", ByteString::as_ref))),
        })
    }
}

/// Source: reference/kinesis-api.md 1.13, from another emulator.
#[cold]
fn none_there(arn: &str) -> Refusal {
    Refusal::resource_not_found(format!("No resource policy found for resource ARN {arn}."))
}
