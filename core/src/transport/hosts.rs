//! AWS's own hosts, by the rules that its SDKs follow: region, partition, FIPS, dual-stack, and the account's or
//! resource's own host where an ARN or the credentials name it.
//!
//! Source: the endpoint rule set of Kinesis and the partition table in botocore 1.44.5; `cli/tests/endpoints.rs` walks
//! both and compares.

use bytestring::ByteString;

use super::HttpUrl;
use crate::api::{Call, Plane, Value};
use crate::error::{Error, Result};
use crate::types::Partition;

/// Where AWS answers calls of one region.
///
/// ```
/// use kinetik::api::{Call, PutRecordInput};
/// use kinetik::transport::AwsHosts;
///
/// let hosts = AwsHosts::new("eu-west-1")?;
/// let mut put = PutRecordInput { stream_name: Some("orders".into()), ..Default::default() };
/// assert_eq!(hosts.url(&Call::from(put.clone()), None)?.host(), "kinesis.eu-west-1.amazonaws.com");
///
/// put.stream_arn = Some("arn:aws:kinesis:eu-west-1:111122223333:stream/orders".into());
/// let url = hosts.url(&Call::from(put), None)?;
/// assert_eq!(url.host(), "111122223333.data-kinesis.eu-west-1.amazonaws.com");
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsHosts {
    region: String,
    partition: &'static Partition,
    /// Only hosts with validated cryptography.
    pub fips: bool,
    /// Hosts that have IPv6 addresses too.
    pub dual_stack: bool,
    /// Whether calls go to the account's own host.
    pub account_mode: AccountIdEndpointMode,
}

/// Whether calls go to a host of the account that the credentials belong to, AWS's setting `account_id_endpoint_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountIdEndpointMode {
    /// Where the credentials name their account.
    #[default]
    Preferred,
    /// Never, except where the call itself names an ARN.
    Disabled,
    /// Always; credentials that name no account are refused.
    Required,
}

impl AwsHosts {
    /// The hosts of a region, with neither FIPS nor dual-stack.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a text that cannot be a region.
    pub fn new(region: &str) -> Result<Self> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !region.bytes().all(legal) || !is_host_label(region) {
            return Err(Error::invalid(
                "region",
                "expected letters, digits and dashes such as eu-west-1",
            ));
        }
        Ok(Self {
            region: region.to_owned(),
            partition: Partition::of(region),
            fips: false,
            dual_stack: false,
            account_mode: AccountIdEndpointMode::default(),
        })
    }

    /// Whether a host is one of AWS's, a VPC endpoint's included.
    pub(super) fn owns(host: &str) -> bool {
        let below = |domain: &str| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        Partition::all().any(|part| below(part.suffix) || below(part.dual_stack_suffix))
    }

    /// Where a call goes; `account_id` is that of the credentials, where they name one.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an ARN that names no resource of this partition, with the
    /// text that AWS's SDKs have.
    pub fn url(&self, call: &Call, account_id: Option<&str>) -> Result<HttpUrl> {
        let operation = call.operation();
        let plane = match operation.plane() {
            Plane::Data => "data",
            Plane::Control => "control",
        };
        let names_queue = || {
            let resource = Names::of(call).resource_arn;
            resource.is_some_and(|arn| Arn::parse(&arn).is_some_and(|arn| arn.kind == "queue"))
        };
        let service = if operation.is_queue() || names_queue() {
            "kinesis-queues"
        } else {
            "kinesis"
        };
        let owner = match self.named(call)? {
            Some(owner) => Some(owner),
            None => self.account(account_id)?.map(|id| (id, service)),
        };
        match owner {
            Some((owner, service)) => self.at(&format!("{owner}.{plane}-{service}")),
            None => self.regional(service),
        }
    }

    /// What the call itself names: the first label of its host, and the service that has it.
    fn named(&self, call: &Call) -> Result<Option<(String, &'static str)>> {
        let names = Names::of(call);
        if self.has_own_hosts()
            && let Some(labels) = names.stream_id.as_deref().and_then(stream_labels)
        {
            return Ok(Some((labels, "kinesis")));
        }
        if self.has_own_hosts()
            && let Some(arn) = names.stream_arn.or(names.consumer_arn)
        {
            let arn = Arn::read(&arn)?;
            arn.is_a("stream", || {
                format!("Kinesis ARNs don't support `{}` arn types.", arn.kind)
            })?;
            self.owns_arn(&arn)?;
            return Ok(Some((arn.account.to_owned(), "kinesis")));
        }
        if let Some(arn) = &names.resource_arn {
            return self.resource(arn);
        }
        if self.has_own_hosts()
            && let Some(arn) = &names.channel_arn
        {
            let arn = Arn::read(arn)?;
            arn.is_a("channel", || {
                format!(
                    "ChannelARN only supports `channel` arn types, found: `{}`.",
                    arn.kind
                )
            })?;
            self.owns_arn(&arn)?;
            return Ok(Some((arn.id("channel")?, "kinesis")));
        }
        if let Some(arn) = &names.queue_arn {
            let arn = Arn::read(arn)?;
            arn.is_a("queue", || {
                format!(
                    "QueueARN only supports `queue` ARN types, found: `{}`.",
                    arn.kind
                )
            })?;
            self.owns_arn(&arn)?;
            return self.queue(&arn);
        }
        Ok(None)
    }

    fn resource(&self, text: &str) -> Result<Option<(String, &'static str)>> {
        let is_queue = || Arn::parse(text).is_some_and(|arn| arn.kind == "queue");
        if !self.has_own_hosts() && !is_queue() {
            return Ok(None);
        }
        let arn = Arn::read(text)?;
        if !["stream", "channel", "queue"].contains(&arn.kind) {
            return Err(invalid_arn(format!(
                "Unsupported resource type `{}`. Expected: stream, channel, or queue.",
                arn.kind
            )));
        }
        self.owns_arn(&arn)?;
        match arn.kind {
            "stream" => Ok(Some((arn.account.to_owned(), "kinesis"))),
            "channel" => Ok(Some((arn.id("channel")?, "kinesis"))),
            _ => self.queue(&arn),
        }
    }

    /// A queue has a host of its own, except where no account has.
    fn queue(&self, arn: &Arn<'_>) -> Result<Option<(String, &'static str)>> {
        let id = arn.id("queue")?;
        Ok(self.has_own_hosts().then_some((id, "kinesis-queues")))
    }

    fn owns_arn(&self, arn: &Arn<'_>) -> Result<()> {
        let name = self.partition.name;
        if arn.partition == name {
            return Ok(());
        }
        Err(Error::invalid(
            "ARN",
            format!(
                "Partition: {} from ARN doesn't match with partition name: {name}.",
                arn.partition
            ),
        ))
    }

    /// The account whose host is to be used.
    fn account(&self, account_id: Option<&str>) -> Result<Option<String>> {
        let wrong = |problem: &str| Err(Error::invalid("account_id_endpoint_mode", problem));
        let is_required = self.account_mode == AccountIdEndpointMode::Required;
        match account_id {
            _ if self.account_mode == AccountIdEndpointMode::Disabled => Ok(None),
            _ if !self.has_own_hosts() && is_required => {
                wrong("is required, but this partition has no hosts of accounts")
            }
            _ if !self.has_own_hosts() => Ok(None),
            Some(id) if is_host_label(id) => Ok(Some(id.to_owned())),
            Some(_) => wrong("the credentials' account id is none"),
            None if is_required => {
                wrong("is required, but the credentials name no account; set AWS_ACCOUNT_ID")
            }
            None => Ok(None),
        }
    }

    /// Whether accounts and resources have hosts of their own here.
    fn has_own_hosts(&self) -> bool {
        !["aws-iso", "aws-iso-b"].contains(&self.partition.name)
    }

    /// The host of everyone in the region.
    fn regional(&self, service: &str) -> Result<HttpUrl> {
        let is_plain = self.fips && !self.dual_stack && service == "kinesis";
        if is_plain && self.partition.name == "aws-us-gov" {
            // The plain hosts of GovCloud are FIPS hosts already.
            return HttpUrl::https(&format!("kinesis.{}.amazonaws.com", self.region));
        }
        self.at(service)
    }

    fn at(&self, service: &str) -> Result<HttpUrl> {
        let fips = if self.fips { "-fips" } else { "" };
        let suffix = match self.dual_stack {
            true => self.partition.dual_stack_suffix,
            false => self.partition.suffix,
        };
        HttpUrl::https(&format!("{service}{fips}.{}.{suffix}", self.region))
    }
}

/// What a call names that may have a host of its own.
#[derive(Default)]
struct Names {
    stream_id: Option<ByteString>,
    stream_arn: Option<ByteString>,
    consumer_arn: Option<ByteString>,
    resource_arn: Option<ByteString>,
    channel_arn: Option<ByteString>,
    queue_arn: Option<ByteString>,
}

impl Names {
    fn of(call: &Call) -> Self {
        let stream = |id: &Option<ByteString>, arn: &Option<ByteString>| Self {
            stream_id: id.clone(),
            stream_arn: arn.clone(),
            ..Self::default()
        };
        match call {
            // The calls that hold many records are not turned into a tree for this.
            Call::PutRecord(put) => stream(&put.stream_id, &put.stream_arn),
            Call::PutRecords(put) => stream(&put.stream_id, &put.stream_arn),
            _ => Self::of_members(call.to_value()),
        }
    }

    fn of_members(members: Value) -> Self {
        let Value::Map(members) = members else {
            return Self::default();
        };
        let text = |name| match members.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        Self {
            stream_id: text("StreamId"),
            stream_arn: text("StreamARN"),
            consumer_arn: text("ConsumerARN"),
            resource_arn: text("ResourceARN"),
            channel_arn: text("ChannelARN"),
            queue_arn: text("QueueARN"),
        }
    }
}

/// An ARN taken apart.
struct Arn<'a> {
    partition: &'a str,
    service: &'a str,
    region: &'a str,
    account: &'a str,
    kind: &'a str,
    id: Option<&'a str>,
}

impl<'a> Arn<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        if next() != Some("arn") {
            return None;
        }
        let (partition, service) = (next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        if partition.is_empty() || service.is_empty() || resource.is_empty() {
            return None;
        }
        let mut resource = resource.split([':', '/']);
        Some(Self {
            partition,
            service,
            region,
            account,
            kind: resource.next().unwrap_or_default(),
            id: resource.next(),
        })
    }

    /// An ARN of Kinesis whose account and region can stand in a host's name.
    fn read(text: &'a str) -> Result<Self> {
        let arn = Self::parse(text).ok_or_else(|| invalid_arn("Failed to parse ARN.".into()))?;
        if !is_host_label(arn.account) {
            return Err(invalid_arn("Invalid account id.".into()));
        }
        if !is_host_label(arn.region) {
            return Err(invalid_arn("Invalid region.".into()));
        }
        if arn.service != "kinesis" {
            return Err(invalid_arn(format!(
                "The ARN was not for the Kinesis service, found: {}.",
                arn.service
            )));
        }
        if arn.kind.is_empty() {
            return Err(invalid_arn("No ARN type specified".into()));
        }
        Ok(arn)
    }

    fn is_a(&self, kind: &str, problem: impl FnOnce() -> String) -> Result<()> {
        match self.kind == kind {
            true => Ok(()),
            false => Err(invalid_arn(problem())),
        }
    }

    fn id(&self, kind: &str) -> Result<String> {
        match self.id {
            None => Err(invalid_arn(format!("Missing {kind} id."))),
            Some(id) if !is_host_label(id) => Err(invalid_arn(format!("Invalid {kind} id."))),
            Some(id) => Ok(id.to_owned()),
        }
    }
}

/// The labels of a stream's own host: a StreamId is 20 characters, a dash and three more.
fn stream_labels(id: &str) -> Option<String> {
    let dash_from_end = id.len().checked_sub(4)?;
    let bytes = id.as_bytes();
    let is_formed =
        id.is_ascii() && id.len() >= 24 && bytes[20] == b'-' && bytes[dash_from_end] == b'-';
    is_formed.then(|| format!("{}.{}", &id[..20], &id[21..24]))
}

/// Whether a text can be one label of a host's name (RFC 1123).
fn is_host_label(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(legal)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cold]
fn invalid_arn(problem: String) -> Error {
    Error::invalid("ARN", format!("Invalid ARN: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ListStreamsInput, PutRecordInput, SubscribeToShardInput};

    fn list() -> Call {
        Call::from(ListStreamsInput::default())
    }

    fn put(arn: &str) -> Call {
        Call::from(PutRecordInput {
            stream_arn: Some(arn.into()),
            ..Default::default()
        })
    }

    fn host(region: &str, call: &Call, account: Option<&str>) -> String {
        let url = AwsHosts::new(region).unwrap().url(call, account).unwrap();
        url.host().to_owned()
    }

    #[test]
    fn regions_get_the_hosts_of_their_partition() {
        for (region, fips, dual_stack, host) in [
            ("us-east-1", false, false, "kinesis.us-east-1.amazonaws.com"),
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
                "us-isob-east-1",
                false,
                true,
                "kinesis.us-isob-east-1.api.aws.scloud",
            ),
        ] {
            let hosts = AwsHosts {
                fips,
                dual_stack,
                ..AwsHosts::new(region).unwrap()
            };
            assert_eq!(hosts.url(&list(), None).unwrap().host(), host);
        }
    }

    #[test]
    fn arns_and_accounts_lead_to_hosts_of_their_own() {
        let arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/orders";
        let own = "111122223333.data-kinesis.us-east-1.amazonaws.com";
        assert_eq!(host("us-east-1", &put(arn), Some("444455556666")), own);
        let subscribe = Call::from(SubscribeToShardInput {
            consumer_arn: Some(format!("{arn}/consumer/c:1").into()),
            ..Default::default()
        });
        assert_eq!(host("us-east-1", &subscribe, None), own);
        assert_eq!(
            host("us-east-1", &list(), Some("444455556666")),
            "444455556666.control-kinesis.us-east-1.amazonaws.com"
        );
        let iso = host("us-iso-east-1", &list(), Some("444455556666"));
        assert_eq!(iso, "kinesis.us-iso-east-1.c2s.ic.gov");
    }

    #[test]
    fn arns_that_lead_nowhere_are_refused_with_what_is_wrong_with_them() {
        let hosts = AwsHosts::new("us-east-1").unwrap();
        for (arn, problem) in [
            ("orders", "Failed to parse"),
            ("arn:aws:kinesis:eu-west-1::stream/x", "account"),
            ("arn:aws:kinesis:eu.evil:1:stream/x", "region"),
            ("arn:aws:s3:eu-west-1:1:stream/x", "found: s3"),
            ("arn:aws:kinesis:eu-west-1:1:table/x", "`table`"),
            ("arn:aws-cn:kinesis:cn-north-1:1:stream/x", "aws-cn"),
        ] {
            let error = hosts.url(&put(arn), None).unwrap_err();
            assert!(error.message().contains(problem), "{error}");
        }
    }

    #[test]
    fn a_region_that_would_change_the_host_is_refused() {
        for region in ["", "us-east-1.evil.test", "a/b", "US-EAST-1", "x@y", "-x"] {
            assert!(AwsHosts::new(region).is_err(), "{region}");
        }
    }

    #[test]
    fn hosts_of_aws_are_told_from_lookalikes() {
        for host in [
            "kinesis.eu-west-1.amazonaws.com",
            "vpce-1.kinesis.us-east-1.vpce.amazonaws.com",
            "kinesis.us-east-1.api.aws",
        ] {
            assert!(AwsHosts::owns(host), "{host}");
        }
        for host in ["amazonaws.com", "evilamazonaws.com", "a.amazonaws.com.test"] {
            assert!(!AwsHosts::owns(host), "{host}");
        }
    }
}
