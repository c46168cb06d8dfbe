//! AWS's own host names: `kinesis[-fips].REGION.SUFFIX`, as botocore's endpoint rules and partition table
//! (version 1.44.5) have them.

use crate::transport::HttpUrl;
use crate::{Error, Result};

/// A partition: how its regions begin, its suffix, and its suffix with IPv4 and IPv6.
struct Partition {
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
}

const fn partition(
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
) -> Partition {
    Partition {
        prefix,
        suffix,
        dual_stack_suffix,
    }
}

/// Longer prefixes first; the last is where every other region belongs.
const PARTITIONS: [Partition; 8] = [
    partition("us-gov-", "amazonaws.com", "api.aws"),
    partition("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    partition("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    partition("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    partition("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    partition("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    partition("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    partition("", "amazonaws.com", "api.aws"),
];

/// The regional endpoint.
///
/// # Errors
/// A region that is no label of a host name.
pub(super) fn regional(region: &str, fips: bool, dual_stack: bool) -> Result<HttpUrl> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || region.len() > 63 || !region.bytes().all(legal) {
        return Err(Error::invalid(
            "region",
            "expected a name such as eu-west-1",
        ));
    }
    let partition = PARTITIONS
        .iter()
        .find(|partition| region.starts_with(partition.prefix))
        .unwrap_or(&PARTITIONS[PARTITIONS.len() - 1]);
    // The plain hosts of GovCloud are FIPS hosts already.
    let infix = if fips && (dual_stack || partition.prefix != "us-gov-") {
        "-fips"
    } else {
        ""
    };
    let suffix = if dual_stack {
        partition.dual_stack_suffix
    } else {
        partition.suffix
    };
    HttpUrl::https(&format!("kinesis{infix}.{region}.{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_get_the_hosts_of_their_partition() {
        for (region, fips, dual_stack, host) in [
            ("us-east-1", false, false, "kinesis.us-east-1.amazonaws.com"),
            (
                "eu-west-1",
                true,
                false,
                "kinesis-fips.eu-west-1.amazonaws.com",
            ),
            ("eu-west-1", false, true, "kinesis.eu-west-1.api.aws"),
            ("eu-west-1", true, true, "kinesis-fips.eu-west-1.api.aws"),
            (
                "cn-north-1",
                false,
                false,
                "kinesis.cn-north-1.amazonaws.com.cn",
            ),
            (
                "us-gov-west-1",
                true,
                false,
                "kinesis.us-gov-west-1.amazonaws.com",
            ),
            (
                "us-gov-west-1",
                true,
                true,
                "kinesis-fips.us-gov-west-1.api.aws",
            ),
            (
                "us-iso-east-1",
                false,
                false,
                "kinesis.us-iso-east-1.c2s.ic.gov",
            ),
            (
                "us-isob-east-1",
                false,
                true,
                "kinesis.us-isob-east-1.api.aws.scloud",
            ),
            (
                "eusc-de-east-1",
                false,
                false,
                "kinesis.eusc-de-east-1.amazonaws.eu",
            ),
        ] {
            let url = regional(region, fips, dual_stack).unwrap();
            assert_eq!(url.to_string(), format!("https://{host}"));
        }
    }

    #[test]
    fn a_region_that_would_change_the_host_is_refused() {
        for region in ["", "us-east-1.evil.test", "a/b", "US-EAST-1", "x@y"] {
            assert!(regional(region, false, false).is_err(), "{region}");
        }
    }
}
