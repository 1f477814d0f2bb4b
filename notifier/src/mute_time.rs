//! Weekly and monthly windows in which a route is mute or active (`time_intervals`).

/// One element of a named time interval.
#[derive(Debug)]
pub struct TimeInterval {}
