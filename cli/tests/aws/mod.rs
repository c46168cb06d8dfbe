//! AWS as far as this machine can stand in for it: its hosts behind a proxy and a made certificate, with a server of
//! kinetik that checks signatures as Kinesis, and small fakes of the services that hand out credentials.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use kinetik::engine::{Engine, EngineConfig};
use kinetik_server::{Key, Server, ServerConfig, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The one key that the service knows.
pub const KEY_ID: &str = "AKIDFROMTHEFAKE";
/// Its secret.
pub const SECRET: &str = "secret/of+the/fake";
/// The account of credentials that name one.
pub const ACCOUNT: &str = "111122223333";
/// The region of everything.
pub const REGION: &str = "us-east-1";

/// A request as a fake sees it.
pub struct Asked {
    /// Method, path and query.
    pub line: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// What a fake answers: a status, headers, a body.
pub struct Answered(pub u16, pub Vec<(&'static str, String)>, pub String);

impl Answered {
    pub fn ok(body: impl Into<String>) -> Self {
        Self(200, Vec::new(), body.into())
    }

    pub fn refused(status: u16) -> Self {
        Self(status, Vec::new(), String::new())
    }
}

type Answering = Arc<dyn Fn(&Asked) -> Answered + Send + Sync>;

/// All of it; ends with the process of the test.
pub struct Aws {
    /// Where files go that settings name.
    pub directory: PathBuf,
    proxy: u16,
    /// The hosts that the proxy was asked for, in order.
    hosts: Arc<Mutex<Vec<String>>>,
    _service: Server,
}

impl Aws {
    /// `name` tells apart the directories of tests; `tokens` answers as STS and the SSO portal.
    pub fn start(name: &str, tokens: impl Fn(&Asked) -> Answered + Send + Sync + 'static) -> Self {
        let directory = std::env::temp_dir().join(format!("kinetik-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let names = [
            format!("kinesis.{REGION}.amazonaws.com"),
            format!("kinesis-fips.{REGION}.amazonaws.com"),
            format!("sts-fips.{REGION}.amazonaws.com"),
            format!("{ACCOUNT}.control-kinesis.{REGION}.amazonaws.com"),
            format!("sts.{REGION}.amazonaws.com"),
            "sts.amazonaws.com".to_owned(),
            format!("portal.sso.{REGION}.amazonaws.com"),
        ];
        let made = rcgen::generate_simple_self_signed(names.clone()).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        std::fs::write(directory.join("ca.pem"), &certificate).unwrap();
        let engine = Engine::new(EngineConfig::default());
        engine.create_stream("orders", 1).unwrap();
        let service = Server::start(ServerConfig {
            engine,
            names: names.to_vec(),
            keys: vec![Key::new(KEY_ID, SECRET)],
            tls: Some(Tls::from_pem(&certificate, &key).unwrap()),
            ..ServerConfig::default()
        })
        .unwrap();
        let kinesis = service
            .endpoint()
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let tokens = tls_fake(&certificate, &key, Arc::new(tokens));
        let hosts = Arc::default();
        let proxy = proxy(Arc::clone(&hosts), move |host| match host {
            host if host.contains("kinesis") => kinesis,
            _ => tokens,
        });
        Self {
            directory,
            proxy,
            hosts,
            _service: service,
        }
    }

    /// The variables that lead to it: the proxy and the certificate, and no other place for credentials.
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        let file = |name: &str| self.directory.join(name).display().to_string();
        BTreeMap::from([
            ("AWS_REGION", REGION.to_owned()),
            ("HTTPS_PROXY", format!("http://127.0.0.1:{}", self.proxy)),
            ("AWS_CA_BUNDLE", file("ca.pem")),
            ("HOME", file("")),
            ("AWS_CONFIG_FILE", file("config")),
            ("AWS_SHARED_CREDENTIALS_FILE", file("credentials")),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("PATH", "/usr/bin:/bin".to_owned()),
        ])
    }

    /// Writes a file into the directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.directory.join(name);
        std::fs::create_dir_all(file.parent().unwrap_or_else(|| Path::new("/"))).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    /// The hosts that the proxy was asked for since the last look.
    pub fn hosts(&self) -> Vec<String> {
        std::mem::take(&mut self.hosts.lock().unwrap())
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A fake over plain HTTP; gives its port.
pub fn plain_fake(answer: impl Fn(&Asked) -> Answered + Send + Sync + 'static) -> u16 {
    let answer: Answering = Arc::new(answer);
    listen(move |socket| converse(socket, &answer))
}

/// Credentials as metadata services write them.
pub fn document(key_id: &str, secret: &str) -> String {
    serde_json::json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": key_id, "SecretAccessKey": secret, "Token": "token/of+the/fake",
        "Expiration": "2099-01-01T00:00:00Z",
    })
    .to_string()
}

fn tls_fake(certificate: &str, key: &str, answer: Answering) -> u16 {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes());
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    listen(move |socket| {
        let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        converse(rustls::StreamOwned::new(session, socket), &answer);
    })
}

/// A proxy that tunnels to what `route` gives for a host.
fn proxy(
    hosts: Arc<Mutex<Vec<String>>>,
    route: impl Fn(&str) -> u16 + Send + Sync + 'static,
) -> u16 {
    listen(move |mut client| {
        let asked = read(&mut BufReader::new(&mut client));
        let target = asked.line.strip_prefix("CONNECT ").unwrap().to_owned();
        let host = target.split(':').next().unwrap().to_owned();
        let mut server = TcpStream::connect(("127.0.0.1", route(&host))).unwrap();
        hosts.lock().unwrap().push(host);
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = thread::Builder::new().spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = std::io::copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Write);
        let _ = up.unwrap().join();
    })
}

/// Serves each connection on a thread of its own.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    let listening = move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let serve = Arc::clone(&serve);
            let _ = thread::Builder::new().spawn(move || serve(socket));
        }
    };
    thread::Builder::new().spawn(listening).unwrap();
    port
}

/// Reads one request, answers, and closes.
fn converse(mut stream: impl Read + Write, answer: &Answering) {
    let asked = read(&mut BufReader::new(&mut stream));
    let Answered(status, headers, body) = answer(&asked);
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let _ = stream.flush();
}

fn read(stream: &mut impl BufRead) -> Asked {
    let mut line = || {
        let mut line = String::new();
        let _ = stream.read_line(&mut line);
        line.trim_end().to_owned()
    };
    let first = line();
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line().split_once(':') {
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length: &String| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    Asked {
        line: first.trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
