//! One connection: what it is about, how long it may be, and whether it was told to end.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::live;

/// A client has this long for its TLS handshake, for its first request, and for the head of each.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// A connection without a request is kept for so long. Go's clients in the family keep theirs for five minutes: they close
/// first, and do not find a connection closed that they are about to use.
const IDLE_DEADLINE: Duration = Duration::from_secs(360);
/// A request that has not moved for so long may lose its connection to a newcomer.
const STANDSTILL: Duration = Duration::from_secs(30);

/// Why a connection was ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The head of a request, or the first request, did not come in time.
    SlowHead,
    /// There was no request for long.
    Idle,
    /// The client does not take its answer.
    Unread,
    /// A newcomer needed the place.
    Displaced,
    /// The TLS handshake failed or took too long.
    Handshake,
}

impl Ending {
    /// All of them, in order.
    pub const ALL: [Ending; 5] = [Self::SlowHead, Self::Idle, Self::Unread, Self::Displaced, Self::Handshake];

    /// As metrics call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SlowHead => "slow_head",
            Self::Idle => "idle",
            Self::Unread => "unread",
            Self::Displaced => "displaced",
            Self::Handshake => "handshake",
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Seat {
    address: IpAddr,
    course: Mutex<Course>,
    told: Notify,
}

#[derive(Debug)]
struct Course {
    /// When it last moved: it came, a head began, a request began, an answer went on or ended.
    since: Instant,
    /// Requests whose answers are not written.
    under_way: u32,
    /// A head has begun and is not complete.
    in_head: bool,
    has_asked: bool,
    /// HTTP/2, where bytes come at any time and are no beginning of a head.
    is_multiplexed: bool,
    /// A body was not read to its end: what is left of it may still be on its way.
    has_left_over: bool,
    /// When the client must have taken more of its answer.
    unread_by: Option<Instant>,
    ending: Option<Ending>,
}

/// A request under way.
#[derive(Debug)]
pub struct Visit(Arc<Seat>);

impl Seat {
    /// It just came.
    pub(super) fn new(address: IpAddr, now: Instant) -> Self {
        let course = Course {
            since: now,
            under_way: 0,
            in_head: false,
            has_asked: false,
            is_multiplexed: false,
            has_left_over: false,
            unread_by: None,
            ending: None,
        };
        Self { address, course: Mutex::new(course), told: Notify::new() }
    }

    /// Where it comes from.
    pub(super) const fn address(&self) -> IpAddr {
        self.address
    }

    /// Bytes came.
    pub fn heard(&self, bytes: &[u8]) {
        let mut course = self.course();
        if !course.has_asked && bytes.starts_with(b"PRI") {
            course.is_multiplexed = true;
        }
        if course.under_way == 0 && !course.in_head && !course.is_multiplexed {
            course.in_head = true;
            if course.has_asked {
                course.since = live::instant();
            }
        }
    }

    /// The head of a request is complete.
    pub fn visit(self: &Arc<Self>, is_multiplexed: bool) -> Visit {
        let mut course = self.course();
        course.since = live::instant();
        course.under_way += 1;
        course.in_head = false;
        course.has_asked = true;
        course.is_multiplexed |= is_multiplexed;
        drop(course);
        Visit(self.clone())
    }

    /// A body was given up before its end.
    pub fn left_over(&self) {
        self.course().has_left_over = true;
    }

    /// Whether more may come that nobody will read.
    pub fn has_left_over(&self) -> bool {
        let course = self.course();
        course.has_left_over || course.in_head
    }

    /// By when the client must have taken more; `None`: it has.
    pub fn unread_by(&self, by: Option<Instant>) {
        self.course().unread_by = by;
    }

    /// Since when nothing has moved, if a newcomer may have its place. Who has no request comes before who has one.
    pub(super) fn displaceable(&self, now: Instant) -> Option<(bool, Instant)> {
        let course = self.course();
        let is_still = course.under_way == 0 || now.saturating_duration_since(course.since) > STANDSTILL;
        (is_still && course.ending.is_none()).then_some((course.under_way > 0, course.since))
    }

    /// Why its time is up, if it is.
    pub(super) fn overdue(&self, now: Instant) -> Option<Ending> {
        let course = self.course();
        if course.unread_by.is_some_and(|by| now > by) {
            return Some(Ending::Unread);
        }
        if course.under_way > 0 {
            return None;
        }
        let is_late = |deadline| now.saturating_duration_since(course.since) > deadline;
        match course.in_head || !course.has_asked {
            true => is_late(HEAD_DEADLINE).then_some(Ending::SlowHead),
            false => is_late(IDLE_DEADLINE).then_some(Ending::Idle),
        }
    }

    /// Tells it to end; false if it was told before.
    pub(super) fn end(&self, ending: Ending) -> bool {
        let mut course = self.course();
        let is_first = course.ending.is_none();
        if is_first {
            course.ending = Some(ending);
            self.told.notify_one();
        }
        is_first
    }

    /// Resolves once it is told to end.
    pub async fn told_to_end(&self) -> Ending {
        loop {
            if let Some(ending) = self.ended() {
                return ending;
            }
            self.told.notified().await;
        }
    }

    /// Why it was told to end, if it was.
    pub fn ended(&self) -> Option<Ending> {
        self.course().ending
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    /// Something of the request or its answer came along.
    pub fn moved(&self) {
        self.0.course().since = live::instant();
    }

    /// A body was given up before its end.
    pub fn left_over(&self) {
        self.0.left_over();
    }
}

impl Clone for Visit {
    fn clone(&self) -> Self {
        self.0.course().under_way += 1;
        Self(self.0.clone())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut course = self.0.course();
        course.under_way -= 1;
        course.since = live::instant();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat() -> (Arc<Seat>, Instant) {
        let now = live::instant();
        (Arc::new(Seat::new(IpAddr::from([127, 0, 0, 1]), now)), now)
    }

    #[test]
    fn a_head_that_drips_is_late_and_a_kept_connection_is_not() {
        let (seat, now) = seat();
        let after = |secs| now + Duration::from_secs(secs);
        assert_eq!(seat.overdue(after(9)), None);
        assert_eq!(seat.overdue(after(11)), Some(Ending::SlowHead), "it never said anything");
        seat.heard(b"GET /");
        seat.heard(b"x");
        assert_eq!(seat.overdue(after(11)), Some(Ending::SlowHead), "every byte counts from the first on");
        let visit = seat.visit(false);
        assert_eq!(seat.overdue(after(1000)), None, "it is our turn");
        drop(visit);
        assert_eq!(seat.overdue(after(300)), None);
        assert_eq!(seat.overdue(after(400)), Some(Ending::Idle));
        seat.heard(b"G");
        assert_eq!(seat.overdue(after(12)), Some(Ending::SlowHead), "the second head has its time too");
    }

    #[test]
    fn frames_between_requests_of_http2_are_no_head() {
        let (seat, now) = seat();
        seat.heard(b"PRI * HTTP/2.0");
        assert_eq!(seat.overdue(now + Duration::from_secs(11)), Some(Ending::SlowHead), "and no request");
        drop(seat.visit(true));
        seat.heard(b"ping");
        assert_eq!(seat.overdue(now + Duration::from_secs(300)), None);
        assert_eq!(seat.overdue(now + Duration::from_secs(400)), Some(Ending::Idle), "pings keep nothing open");
    }

    #[test]
    fn an_answer_that_nobody_takes_ends_the_connection() {
        let (seat, now) = seat();
        let _visit = seat.visit(false);
        seat.unread_by(Some(now + Duration::from_secs(5)));
        assert_eq!(seat.overdue(now + Duration::from_secs(4)), None);
        assert_eq!(seat.overdue(now + Duration::from_secs(6)), Some(Ending::Unread));
        seat.unread_by(None);
        assert_eq!(seat.overdue(now + Duration::from_secs(6)), None);
    }
}
