//! Remote write, 1.0 and 2.0: what is sent is what another reader of protobuf finds in it; answers of the target are read.

use std::time::Duration;

use model::{LabelSet, Timestamp};
use prost::Message;
use rules_engine::config::{WriteProtocol, WriteTarget};
use rules_engine::io::write_samples::SampleWriter;
use rules_engine::sample::Sample;

use super::{loopback, text};

const NOW: Timestamp = Timestamp::from_nanos(1_767_323_040_000_000_000);

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Point {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// Lines `name=value,name=value TIMESTAMP BITS` until a NUL, then what the target answers.
pub fn check(data: &[u8]) {
    let Some((choice, written)) = text::choice(data) else { return };
    let (lines, answer) = text::pair(written);
    let samples: Vec<Sample> = lines.lines().take(100).map(sample).collect();
    let protocol = if choice & 1 == 0 { WriteProtocol::V1 } else { WriteProtocol::V2 };
    let target = WriteTarget { protocol, ..WriteTarget::new(loopback::url()) };
    let writer = SampleWriter::new(target).expect("a client");
    let status = usize::from(choice >> 1) % 3;
    loopback::answers_with(["204 No Content", "400 Bad Request", "503 Busy"][status], answer.as_bytes());
    // A busy target is asked again until the deadline.
    let deadline = Duration::from_millis(if status == 2 { 30 } else { 10_000 });
    let written = loopback::run(writer.write(&samples, deadline, NOW));
    if let Err(failure) = &written {
        text::says(&failure.to_string());
    }
    let body = loopback::asked();
    // What is refused is sent again in parts.
    if protocol == WriteProtocol::V1 && status == 0 && !body.is_empty() {
        let plain = snap::raw::Decoder::new().decompress_vec(&body).expect("a block of snappy");
        let request = WriteRequest::decode(plain.as_slice()).expect("a request");
        let sent: Vec<Sample> = request.timeseries.into_iter().flat_map(read).collect();
        assert_eq!(sent.len(), samples.len());
        for (sent, sample) in sent.iter().zip(&samples) {
            assert_eq!(
                (&sent.labels, sent.timestamp_ms, sent.value.to_bits()),
                (&sample.labels.without_empty(), sample.timestamp_ms, sample.value.to_bits())
            );
        }
    }
}

fn sample(line: &str) -> Sample {
    let mut words = line.splitn(3, ' ');
    let labels = words.next().unwrap_or_default().split(',').filter_map(|pair| pair.split_once('='));
    let labels = LabelSet::from_pairs(labels);
    let timestamp_ms = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let value = words.next().and_then(|word| word.parse().ok()).map_or(1.5, f64::from_bits);
    Sample { labels, timestamp_ms, value }
}

fn read(series: TimeSeries) -> Vec<Sample> {
    let labels = LabelSet::from_pairs(series.labels.into_iter().map(|label| (label.name, label.value)));
    let sample = |point: Point| Sample { labels: labels.clone(), timestamp_ms: point.timestamp, value: point.value };
    series.samples.into_iter().map(sample).collect()
}
