//! Remote write on the wire: protobuf written by hand in one pass, in a snappy block. 1.0 is here, 2.0 in `wire/v2.rs`.
//!
//! `WriteRequest{1: TimeSeries{1: Label{1: name, 2: value}…, 2: Sample{1: value, 2: timestamp_ms}}…}`, one sample a series.
//! It is also the form in which samples wait on disk.

pub(super) mod v2;

use model::LabelSet;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::sample::Sample;

/// The most that a block of snappy can stand for is 64 bytes with three.
const SNAPPY_RATIO_MAX: usize = 22;

/// The compressed body of a request that writes these samples.
///
/// # Errors
/// The request is too large for a snappy block (4 GiB).
pub(in crate::io) fn encode(samples: &[Sample]) -> Result<Vec<u8>, String> {
    compress(&protobuf(samples))
}

/// The samples of such a body, bit for bit.
///
/// # Errors
/// It is none.
pub(in crate::io) fn decode(body: &[u8]) -> Result<Vec<Sample>, String> {
    // the length at its head is believed by whoever makes room for it
    let length = snap::raw::decompress_len(body).map_err(|error| error.to_string())?;
    if length > body.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(format!("{} bytes cannot hold {length}", body.len()));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(body).map_err(|error| error.to_string())?;
    let request = WriteRequest::decode(plain.as_slice()).map_err(|error| error.to_string())?;
    let samples = request.timeseries.into_iter().flat_map(|series| {
        let labels = LabelSet::from_pairs(series.labels.into_iter().map(|label| (label.name, label.value)));
        let sample =
            move |point: Point| Sample { labels: labels.clone(), timestamp_ms: point.timestamp, value: point.value };
        series.samples.into_iter().map(sample)
    });
    Ok(samples.collect())
}

fn compress(body: &[u8]) -> Result<Vec<u8>, String> {
    snap::raw::Encoder::new().compress_vec(body).map_err(|error| format!("cannot compress the samples: {error}"))
}

fn protobuf(samples: &[Sample]) -> Vec<u8> {
    let mut out = Vec::with_capacity(samples.iter().map(|sample| series_len(sample) + 6).sum());
    for sample in samples {
        message(1, series_len(sample), &mut out);
        for (name, value) in labels(sample) {
            message(1, label_len(name, value), &mut out);
            text(1, name, &mut out);
            text(2, value, &mut out);
        }
        message(2, sample_len(sample), &mut out);
        if has_value(sample) {
            encode_key(1, WireType::SixtyFourBit, &mut out);
            out.extend_from_slice(&sample.value.to_bits().to_le_bytes());
        }
        if sample.timestamp_ms != 0 {
            encode_key(2, WireType::Varint, &mut out);
            encode_varint(sample.timestamp_ms.cast_unsigned(), &mut out);
        }
    }
    out
}

/// The labels as the protocol wants them: sorted, without empty values.
fn labels(sample: &Sample) -> impl Iterator<Item = (&str, &str)> {
    sample.labels.iter().filter(|(_, value)| !value.is_empty())
}

/// Zero is the default and left out; minus zero is not zero.
fn has_value(sample: &Sample) -> bool {
    sample.value.to_bits() != 0
}

fn message(field: u32, len: usize, out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}

fn text(field: u32, text: &str, out: &mut Vec<u8>) {
    message(field, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// Length with key and length prefix; every field number here fits a key of one byte.
fn framed(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

fn label_len(name: &str, value: &str) -> usize {
    framed(name.len()) + framed(value.len())
}

fn sample_len(sample: &Sample) -> usize {
    let value = if has_value(sample) { 9 } else { 0 };
    let at = if sample.timestamp_ms == 0 { 0 } else { 1 + encoded_len_varint(sample.timestamp_ms.cast_unsigned()) };
    value + at
}

fn series_len(sample: &Sample) -> usize {
    let labels: usize = labels(sample).map(|(name, value)| framed(label_len(name, value))).sum();
    labels + framed(sample_len(sample))
}

/// The messages as the specification gives them.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Label {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Point {
    #[prost(double, tag = "1")]
    pub(super) value: f64,
    #[prost(int64, tag = "2")]
    pub(super) timestamp: i64,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn decode_request(body: &[u8]) -> WriteRequest {
        let plain = snap::raw::Decoder::new().decompress_vec(body).unwrap();
        WriteRequest::decode(plain.as_slice()).unwrap()
    }

    /// What prost makes of the same samples.
    fn by_prost(samples: &[Sample]) -> WriteRequest {
        let series = |sample: &Sample| TimeSeries {
            labels: sample.labels.iter().map(|(n, v)| Label { name: n.to_owned(), value: v.to_owned() }).collect(),
            samples: vec![Point { value: sample.value, timestamp: sample.timestamp_ms }],
        };
        WriteRequest { timeseries: samples.iter().map(series).collect() }
    }

    #[test]
    fn is_the_same_bytes_as_prost_writes() {
        let long = "x".repeat(300);
        let labels = LabelSet::from_pairs([("__name__", "m"), ("zähler", long.as_str())]);
        let samples: Vec<Sample> =
            [(0.0, 0), (2.0, -1), (f64::MAX, i64::MAX), (1.5, 1_767_323_045_678), (f64::INFINITY, i64::MIN)]
                .into_iter()
                .map(|(value, timestamp_ms)| Sample { labels: labels.clone(), value, timestamp_ms })
                .collect();
        assert!(protobuf(&samples) == by_prost(&samples).encode_to_vec());
        assert_eq!(decode_request(&encode(&samples).unwrap()), by_prost(&samples));
        assert_eq!(decode(&encode(&samples).unwrap()).unwrap(), samples);
        assert!(decode(b"nothing of the kind").is_err());
        assert!(protobuf(&[]).is_empty());
    }

    #[test]
    fn a_length_that_cannot_be_is_not_made_room_for() {
        let error = decode(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, b'x']).unwrap_err();
        assert_eq!(error, "7 bytes cannot hold 4294967295");
        let labels = LabelSet::from_pairs([("__name__", "x".repeat(1 << 20))]);
        let samples = vec![Sample { labels, value: 1.0, timestamp_ms: 1 }];
        assert_eq!(decode(&encode(&samples).unwrap()).unwrap(), samples, "what compresses best is taken");
    }

    #[test]
    fn keeps_the_bits_of_stale_markers_and_of_minus_zero() {
        for value in [f64::from_bits(crate::sample::STALE_NAN_BITS), f64::NAN, -0.0] {
            let labels = LabelSet::from_pairs([("__name__", "m"), ("empty", "")]);
            let decoded = decode_request(&encode(&[Sample { labels, value, timestamp_ms: 1 }]).unwrap());
            let series = &decoded.timeseries[0];
            assert_eq!(series.samples[0].value.to_bits(), value.to_bits());
            assert_eq!(series.labels.len(), 1, "a label with an empty value is no label");
        }
    }
}
