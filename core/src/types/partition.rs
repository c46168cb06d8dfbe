//! The parts of AWS, and which region is in which. Source: the partition table in botocore 1.44.5.

/// A part of AWS with hosts and accounts of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// As ARNs have it.
    pub name: &'static str,
    /// How its regions begin: `PREFIX-WORD-NUMBER`.
    prefix: &'static str,
    /// How its hosts end.
    pub suffix: &'static str,
    pub dual_stack_suffix: &'static str,
}

impl Partition {
    /// All of them.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        PARTITIONS.iter()
    }

    /// The one that a region is in.
    pub fn of(region: &str) -> &'static Self {
        let claims = |partition: &&Self| {
            region == format!("{}-global", partition.name)
                || region
                    .strip_prefix(partition.prefix)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .and_then(|rest| rest.split_once('-'))
                    .is_some_and(|(word, number)| {
                        !word.is_empty()
                            && !number.is_empty()
                            && number.bytes().all(|byte| byte.is_ascii_digit())
                    })
        };
        PARTITIONS[1..]
            .iter()
            .find(claims)
            .unwrap_or(&PARTITIONS[0])
    }
}

const fn partition(
    name: &'static str,
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
) -> Partition {
    Partition {
        name,
        prefix,
        suffix,
        dual_stack_suffix,
    }
}

/// The first is where every region belongs that no other claims.
static PARTITIONS: [Partition; 8] = [
    partition("aws", "", "amazonaws.com", "api.aws"),
    partition(
        "aws-cn",
        "cn",
        "amazonaws.com.cn",
        "api.amazonwebservices.com.cn",
    ),
    partition(
        "aws-eusc",
        "eusc-de",
        "amazonaws.eu",
        "api.amazonwebservices.eu",
    ),
    partition("aws-iso", "us-iso", "c2s.ic.gov", "api.aws.ic.gov"),
    partition("aws-iso-b", "us-isob", "sc2s.sgov.gov", "api.aws.scloud"),
    partition(
        "aws-iso-e",
        "eu-isoe",
        "cloud.adc-e.uk",
        "api.cloud-aws.adc-e.uk",
    ),
    partition(
        "aws-iso-f",
        "us-isof",
        "csp.hci.ic.gov",
        "api.aws.hci.ic.gov",
    ),
    partition("aws-us-gov", "us-gov", "amazonaws.com", "api.aws"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_in_the_partition_that_claims_it() {
        for (region, partition) in [
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
            ("aws-cn-global", "aws-cn"),
            ("local", "aws"),
        ] {
            assert_eq!(Partition::of(region).name, partition, "{region}");
        }
    }
}
