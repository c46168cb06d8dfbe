//! A plain client: one connection that is kept, requests made beforehand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use kinetik::api::{Call, Form, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry, Request};

use crate::served::Served;

/// A connection.
pub(crate) struct Client {
    form: Form,
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(server: &Served, form: Form) -> Self {
        let stream = TcpStream::connect(&server.address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self {
            form,
            stream: BufReader::with_capacity(1 << 20, stream),
            body: Vec::new(),
        }
    }

    /// Asks and reads the answer.
    pub(crate) fn ask<R: Request>(&mut self, input: R) -> R::Output {
        let call: Call = input.into();
        let operation = call.operation();
        self.send(&request(self.form, &call));
        let body = Bytes::copy_from_slice(self.receive());
        let answer = self.form.decode_answer(operation, &body);
        R::output(answer.expect("an answer")).expect("the operation's own answer")
    }

    pub(crate) fn send(&mut self, request: &[u8]) {
        let sent = self.stream.get_mut().write_all(request);
        sent.expect("a request");
    }

    pub(crate) fn receive(&mut self) -> &[u8] {
        let mut line = String::new();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("a head");
            if line.starts_with("HTTP") {
                assert!(line.contains(" 200 "), "{line}");
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length");
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).expect("a body");
        &self.body
    }
}

/// A request as it goes over the wire.
pub(crate) fn request(form: Form, call: &Call) -> Vec<u8> {
    let body = form.encode_call(call);
    let mut request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: {}\r\nContent-Type: {}\r\nX-Amz-Date: 20261122T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Length: {}\r\n\r\n",
        call.operation().target(),
        form.content_type(),
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    request
}

/// A PutRecord of so many bytes.
pub(crate) fn put_record(form: Form, key: usize, len: usize) -> Vec<u8> {
    let input = PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some(format!("key-{key:010}").into()),
        data: Some(vec![b'x'; len].into()),
        ..Default::default()
    };
    request(form, &input.into())
}

/// A PutRecords of so many records, with keys of their own.
pub(crate) fn put_records(form: Form, first: usize, count: usize, len: usize) -> Vec<u8> {
    let record = |key: usize| PutRecordsRequestEntry {
        partition_key: Some(format!("key-{key:010}").into()),
        data: Some(vec![b'x'; len].into()),
        ..Default::default()
    };
    let input = PutRecordsInput {
        stream_name: Some("orders".into()),
        records: Some((first..first + count).map(record).collect()),
        ..Default::default()
    };
    request(form, &input.into())
}
