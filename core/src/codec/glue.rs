//! The header that the Glue Schema Registry's serialisers put before a user record's data.
//!
//! The KPL writes it before it aggregates, so it stands inside each user record. Source: reference/producer.md 1.7.

/// How the data behind the header is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// As a zlib stream.
    Zlib,
}

/// The header: which version of a schema the data follows, and how it is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlueHeader {
    /// The id of the schema version, a UUID in the order in which it is written.
    pub schema_version_id: [u8; 16],
    /// How the data is compressed.
    pub compression: Compression,
}

/// Bytes of the header; the data begins behind them.
pub const HEADER_LEN: usize = 18;

/// The only version of the header that there is.
const VERSION: u8 = 3;

impl GlueHeader {
    /// Reads the header, and gives it with the data behind it; `None` for data that does not begin with one.
    ///
    /// Two bytes and a length are all there is to know it by, so other data may look alike: ask only where the
    /// stream is known to carry it.
    ///
    /// ```
    /// use kinetik::codec::glue::{Compression, GlueHeader};
    ///
    /// let record = [&[3, 0], &[7; 16][..], b"avro"].concat();
    /// let (header, data) = GlueHeader::split(&record).expect("a header");
    /// assert_eq!((header.compression, data), (Compression::None, &b"avro"[..]));
    /// assert_eq!(header.uuid(), "07070707-0707-0707-0707-070707070707");
    /// ```
    pub fn split(record: &[u8]) -> Option<(Self, &[u8])> {
        let (header, data) = record.split_first_chunk::<HEADER_LEN>()?;
        let [VERSION, compression, id @ ..] = header else {
            return None;
        };
        let compression = match compression {
            0 => Compression::None,
            5 => Compression::Zlib,
            _ => return None,
        };
        let schema_version_id = *id;
        Some((
            Self {
                schema_version_id,
                compression,
            },
            data,
        ))
    }

    /// The schema version's id as text, in the usual form.
    pub fn uuid(&self) -> String {
        let id = u128::from_be_bytes(self.schema_version_id);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (id >> 96) as u32,
            (id >> 80) as u16,
            (id >> 64) as u16,
            (id >> 48) as u16,
            id as u64 & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 16] = *b"\xb7\xb4\xa7\xf0\x9c\x96\x4e\x4a\xa6\x87\xfb\x5d\xe9\xef\x0c\x63";

    #[test]
    fn a_header_is_read_with_its_compression_and_version() {
        for (byte, compression) in [(0, Compression::None), (5, Compression::Zlib)] {
            let record = [&[3, byte], &ID[..], b"payload"].concat();
            let (header, data) = GlueHeader::split(&record).unwrap();
            assert_eq!(header.compression, compression);
            assert_eq!(header.uuid(), "b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63");
            assert_eq!(data, b"payload");
        }
    }

    #[test]
    fn a_header_alone_has_empty_data_and_one_byte_less_is_none() {
        let record = [&[3, 0], &ID[..]].concat();
        assert_eq!(GlueHeader::split(&record).unwrap().1, b"");
        assert_eq!(GlueHeader::split(&record[..17]), None);
        assert_eq!(GlueHeader::split(b""), None);
    }

    #[test]
    fn other_versions_and_compressions_are_not_recognised() {
        for (version, compression) in [(2, 0), (4, 0), (3, 1), (3, 4), (3, 6), (0, 0), (255, 5)] {
            let record = [&[version, compression], &ID[..], b"payload"].concat();
            assert_eq!(GlueHeader::split(&record), None);
        }
    }
}
