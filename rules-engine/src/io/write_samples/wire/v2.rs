//! Remote write 2.0 on the wire: `io.prometheus.write.v2.Request`, each text once.
//!
//! `Request{4: symbols…, 5: TimeSeries{1: labels_refs (packed), 2: Sample{1: value, 2: timestamp_ms}, 5: Metadata{1: type}}…}`.
//! The first symbol is the empty text; a label is two places among the symbols.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use super::{compress, framed, has_value, labels, message, sample_len};
use crate::sample::Sample;

/// The compressed body of a request that writes these samples.
///
/// # Errors
/// The request is too large for a snappy block (4 GiB).
pub(in crate::io::write_samples) fn encode(samples: &[Sample]) -> Result<Vec<u8>, String> {
    compress(&protobuf(samples))
}

fn protobuf(samples: &[Sample]) -> Vec<u8> {
    let mut symbols = Symbols::new();
    let mut series = Vec::with_capacity(samples.len() * 32);
    let mut refs = Vec::new();
    for sample in samples {
        refs.clear();
        for (name, value) in labels(sample) {
            encode_varint(symbols.place(name), &mut refs);
            encode_varint(symbols.place(value), &mut refs);
        }
        message(5, framed(refs.len()) + framed(sample_len(sample)), &mut series);
        message(1, refs.len(), &mut series);
        series.extend_from_slice(&refs);
        message(2, sample_len(sample), &mut series);
        if has_value(sample) {
            encode_key(1, WireType::SixtyFourBit, &mut series);
            series.extend_from_slice(&sample.value.to_bits().to_le_bytes());
        }
        if sample.timestamp_ms != 0 {
            encode_key(2, WireType::Varint, &mut series);
            encode_varint(sample.timestamp_ms.cast_unsigned(), &mut series);
        }
    }
    let mut out = Vec::with_capacity(series.len() + symbols.bytes);
    for symbol in &symbols.texts {
        message(4, symbol.len(), &mut out);
        out.extend_from_slice(symbol.as_bytes());
    }
    out.extend_from_slice(&series);
    out
}

/// Texts, each once, in the order in which they came.
struct Symbols<'a> {
    texts: Vec<&'a str>,
    places: HashMap<&'a str, u64, RandomState>,
    /// Their length on the wire.
    bytes: usize,
}

impl<'a> Symbols<'a> {
    fn new() -> Symbols<'a> {
        let mut symbols = Symbols { texts: Vec::new(), places: HashMap::default(), bytes: 0 };
        symbols.place("");
        symbols
    }

    fn place(&mut self, text: &'a str) -> u64 {
        let next = self.texts.len() as u64;
        let place = *self.places.entry(text).or_insert(next);
        if place == next {
            self.bytes += 1 + encoded_len_varint(text.len() as u64) + text.len();
            self.texts.push(text);
        }
        place
    }
}

#[cfg(test)]
pub(in crate::io) mod tests {
    use model::LabelSet;
    use prost::Message;

    use super::*;

    /// The messages as the specification gives them.
    #[derive(Clone, PartialEq, Message)]
    pub(in crate::io) struct Request {
        #[prost(string, repeated, tag = "4")]
        pub(in crate::io) symbols: Vec<String>,
        #[prost(message, repeated, tag = "5")]
        pub(in crate::io) timeseries: Vec<TimeSeries>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in crate::io) struct TimeSeries {
        #[prost(uint32, repeated, tag = "1")]
        pub(in crate::io) labels_refs: Vec<u32>,
        #[prost(message, repeated, tag = "2")]
        pub(in crate::io) samples: Vec<Point>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in crate::io) struct Point {
        #[prost(double, tag = "1")]
        pub(in crate::io) value: f64,
        #[prost(int64, tag = "2")]
        pub(in crate::io) timestamp: i64,
    }

    /// The samples of a body.
    pub(in crate::io) fn decode(body: &[u8]) -> Vec<Sample> {
        let plain = snap::raw::Decoder::new().decompress_vec(body).unwrap();
        let request = Request::decode(plain.as_slice()).unwrap();
        assert_eq!(request.symbols[0], "");
        let text = |place: u32| request.symbols[place as usize].clone();
        let sample = |series: &TimeSeries| Sample {
            labels: LabelSet::from_pairs(series.labels_refs.chunks(2).map(|pair| (text(pair[0]), text(pair[1])))),
            timestamp_ms: series.samples[0].timestamp,
            value: series.samples[0].value,
        };
        request.timeseries.iter().map(sample).collect()
    }

    #[test]
    fn every_text_once_and_every_bit_kept() {
        let values = [0.0, -0.0, 1.5, f64::NAN, f64::from_bits(crate::sample::STALE_NAN_BITS), f64::INFINITY];
        let samples: Vec<Sample> = (0..300)
            .map(|n: usize| Sample {
                labels: LabelSet::from_pairs([
                    ("__name__", "m".to_owned()),
                    ("n", n.to_string()),
                    ("again", "m".into()),
                ]),
                timestamp_ms: [0, -1, 1_767_323_045_678, i64::MIN][n % 4],
                value: values[n % values.len()],
            })
            .collect();
        let body = encode(&samples).unwrap();
        assert_eq!(decode(&body), samples);
        let plain = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
        let request = Request::decode(plain.as_slice()).unwrap();
        assert_eq!(request.symbols.len(), 305);
        assert!(
            super::super::WriteRequest::decode(plain.as_slice()).unwrap().timeseries.is_empty(),
            "1.0 sees nothing"
        );
    }

    #[test]
    fn empty_values_are_no_labels() {
        let labels = LabelSet::from_pairs([("__name__", "m"), ("empty", "")]);
        let decoded = decode(&encode(&[Sample { labels, timestamp_ms: 1, value: 1.0 }]).unwrap());
        assert_eq!(decoded[0].labels.to_string(), "{__name__=\"m\"}");
    }
}
