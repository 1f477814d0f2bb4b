//! Silences: create, edit, expire, and which of them cover a label set.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use foldhash::fast::FixedState;
use model::matcher::all_match;
use model::{LabelSet, MatchOp, Matcher, Timestamp};
use uuid::Uuid;

use crate::matcher_index::MatcherIndex;
use crate::rare_list::RareList;
use crate::schedule::ScheduleError;

/// While it is active, alerts that match all its matchers cause no notifications.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    /// Its name for good; a changed set of matchers gets a new one.
    pub id: Uuid,
    /// All must match; at least one, and one that an absent label does not satisfy.
    pub matchers: Vec<Matcher>,
    /// Inclusive.
    pub starts_at: Timestamp,
    /// Exclusive.
    pub ends_at: Timestamp,
    /// Of the last change.
    pub updated_at: Timestamp,
    /// Who made it; may be empty.
    pub created_by: String,
    /// Why; may be empty.
    pub comment: String,
    /// Free text by name.
    pub annotations: LabelSet,
    /// It ends when the last of its alerts resolves, if that is before its end.
    pub until_resolved: bool,
    /// An alert that fired was covered by it; told only of those that wait for resolves.
    pub has_matched: bool,
    /// It is an occurrence of the recurring silence with this id.
    pub schedule: Option<Uuid>,
}

/// Where a silence stands at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SilenceState {
    /// Begins later.
    Pending,
    /// Silences.
    Active,
    /// Over; shown until the retention has passed.
    Expired,
}

/// A silence as asked for.
#[derive(Clone, Debug)]
pub struct SilenceDraft {
    /// The silence to edit; none makes a new one.
    pub id: Option<Uuid>,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// A new silence that begins in the past begins now.
    pub starts_at: Timestamp,
    /// After the start and not in the past.
    pub ends_at: Timestamp,
    /// Who makes it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Free text by name.
    pub annotations: LabelSet,
    /// Whether it ends when the last of its alerts resolves; none: as it was, or not.
    pub until_resolved: Option<bool>,
}

/// Why a silence was not made, changed or expired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// No silence has this id.
    #[error("silence {0} not found")]
    NotFound(Uuid),
    /// The draft says something impossible.
    #[error("invalid silence: {0}")]
    Invalid(&'static str),
    /// It cannot recur like this.
    #[error("invalid silence: {0}")]
    Schedule(#[from] ScheduleError),
    /// As many recurring silences as allowed exist, ended ones included.
    #[error(
        "cannot create silence: the limit of {0} recurring silences is reached; end some, or raise --silences.max-schedules"
    )]
    TooManySchedules(usize),
    /// As many silences as allowed exist, expired ones included.
    #[error("cannot create silence: the limit of {0} silences is reached")]
    TooMany(usize),
    /// More matchers than anything needs.
    #[error("invalid silence: {0} matchers, at most {MATCHERS_MAX} are taken")]
    TooManyMatchers(usize),
    /// The stored form is too long.
    #[error("cannot store silence: {bytes} bytes, {bytes_max} are allowed")]
    TooLarge {
        /// Its size as stored.
        bytes: usize,
        /// The most allowed.
        bytes_max: usize,
    },
}

/// What setting a silence comes to: what is to be stored, in order.
#[derive(Debug, PartialEq)]
pub struct Edit {
    /// The edited silence, ended because it could not be changed in place.
    pub ended: Option<Silence>,
    /// The silence as it will be.
    pub set: Silence,
}

/// All silences, indexed by what they match.
#[derive(Debug, Default)]
pub struct Silences {
    /// By order of arrival; matchers of an entry never change.
    by_number: BTreeMap<u32, Silence>,
    numbers: HashMap<Uuid, u32, FixedState>,
    index: MatcherIndex<u32>,
    /// What the index holds: an expired silence never covers anything again.
    indexed: BTreeSet<u32>,
    next_number: u32,
}

/// The silences, of any state, that match one label set: a memory that is brought up to date when asked.
#[derive(Clone, Debug, Default)]
pub struct Covering {
    numbers: RareList<u32>,
    /// Silences from this number on have not been looked at.
    seen: u32,
}

/// Most matchers of a silence.
pub const MATCHERS_MAX: usize = 100;
/// No silence is larger as stored, whatever the command line says: the store takes no larger record.
pub const SILENCE_BYTES_MAX: usize = 4 << 20;

/// From so many unseen silences on, the index is quicker than looking at each.
const UNSEEN_MAX: u32 = 8;

impl SilenceState {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

impl Silence {
    /// Where it stands.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now < self.ends_at {
            SilenceState::Active
        } else {
            SilenceState::Expired
        }
    }

    /// Whether every matcher accepts the label set.
    pub fn matches(&self, labels: &LabelSet) -> bool {
        all_match(&self.matchers, labels)
    }

    /// Whether a draft may change this silence in place: same matchers, and times that do not rewrite the past.
    fn accepts(&self, draft: &SilenceDraft, now: Timestamp) -> bool {
        self.matchers == draft.matchers
            && match self.state(now) {
                SilenceState::Active => {
                    whole_second(self.starts_at) == whole_second(draft.starts_at) && draft.ends_at >= now
                }
                SilenceState::Pending => draft.starts_at >= now,
                SilenceState::Expired => false,
            }
    }

    fn ended(&self, now: Timestamp) -> Self {
        Self { starts_at: self.starts_at.min(now), ends_at: now, updated_at: now, ..self.clone() }
    }
}

impl Silences {
    /// Works out what a draft comes to, changing nothing. `fresh_id` names the silence if a new one is needed.
    ///
    /// # Errors
    /// The id is unknown, or the draft invalid.
    pub fn plan(&self, now: Timestamp, draft: SilenceDraft, fresh_id: Uuid) -> Result<Edit, SilenceError> {
        let previous = match draft.id {
            Some(id) => Some(self.get(id).ok_or(SilenceError::NotFound(id))?),
            None => None,
        };
        validate_matchers(&draft.matchers)?;
        validate_times(now, &draft)?;
        let in_place = previous.filter(|silence| silence.accepts(&draft, now));
        let ended = previous
            .filter(|silence| in_place.is_none() && silence.state(now) != SilenceState::Expired)
            .map(|silence| silence.ended(now));
        let set = Silence {
            id: in_place.map_or(fresh_id, |silence| silence.id),
            starts_at: if in_place.is_some() { draft.starts_at } else { draft.starts_at.max(now) },
            ends_at: draft.ends_at,
            updated_at: now,
            matchers: draft.matchers,
            created_by: draft.created_by,
            comment: draft.comment,
            annotations: draft.annotations,
            until_resolved: draft.until_resolved.unwrap_or(in_place.is_some_and(|silence| silence.until_resolved)),
            has_matched: in_place.is_some_and(|silence| silence.has_matched),
            schedule: in_place.and_then(|silence| silence.schedule),
        };
        Ok(Edit { ended, set })
    }

    /// Works out the end of a silence, changing nothing; `None` if it is over already.
    ///
    /// # Errors
    /// The id is unknown.
    pub fn plan_end(&self, now: Timestamp, id: Uuid) -> Result<Option<Silence>, SilenceError> {
        let silence = self.get(id).ok_or(SilenceError::NotFound(id))?;
        Ok((silence.state(now) != SilenceState::Expired).then(|| silence.ended(now)))
    }

    /// Puts a silence in, in place of the one with its id. Matchers of a known id must be the same as before.
    pub fn put(&mut self, silence: Silence) {
        if let Some(known) = self.numbers.get(&silence.id).and_then(|number| self.by_number.get_mut(number)) {
            *known = silence;
            return;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.index.insert(number, &silence.matchers);
        self.indexed.insert(number);
        self.numbers.insert(silence.id, number);
        self.by_number.insert(number, silence);
    }

    /// Takes a silence out as if it had never been; one that covered anything is to be ended instead.
    pub fn withdraw(&mut self, id: Uuid) {
        let Some(number) = self.numbers.remove(&id) else { return };
        if let Some(silence) = self.by_number.remove(&number)
            && self.indexed.remove(&number)
        {
            self.index.remove(number, &silence.matchers);
        }
    }

    /// After the clock was set back from `before` to `now`: what was over stays over, and what was active stays active, unless
    /// its schedule has it begin later. Gives the silences that changed.
    pub fn set_back(&mut self, before: Timestamp, now: Timestamp) -> Vec<Uuid> {
        let mut changed = Vec::new();
        for silence in self.by_number.values_mut() {
            let is_over = silence.ends_at <= before && silence.ends_at > now;
            let was_active = silence.starts_at <= before && silence.starts_at > now && silence.schedule.is_none();
            if is_over {
                silence.ends_at = now;
            }
            if is_over || was_active {
                silence.starts_at = silence.starts_at.min(now);
                changed.push(silence.id);
            }
        }
        changed
    }

    /// Removes the silences that ended `retention` ago, and names them.
    pub fn collect(&mut self, now: Timestamp, retention: Duration) -> Vec<Uuid> {
        let over = |silence: &Silence| silence.state(now) == SilenceState::Expired;
        for (number, silence) in &self.by_number {
            if over(silence) && self.indexed.remove(number) {
                self.index.remove(*number, &silence.matchers);
            }
        }
        let gone = self.by_number.extract_if(.., |_, silence| over(silence) && silence.ends_at.plus(retention) <= now);
        let ids: Vec<Uuid> = gone.map(|(_, silence)| silence.id).collect();
        for id in &ids {
            self.numbers.remove(id);
        }
        ids
    }

    /// The silence with this id.
    pub fn get(&self, id: Uuid) -> Option<&Silence> {
        self.numbers.get(&id).and_then(|number| self.by_number.get(number))
    }

    /// Every silence of any state, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.by_number.values()
    }

    /// How many there are, expired ones included.
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// Brings what is remembered about a label set up to date. Costs nothing unless silences were added since.
    pub fn refresh(&self, labels: &LabelSet, covering: &mut Covering) {
        let unseen = self.next_number - covering.seen;
        if unseen == 0 {
            return;
        }
        let mut numbers;
        if covering.seen > 0 && unseen <= UNSEEN_MAX {
            let new = self.by_number.range(covering.seen..).filter(|(_, silence)| silence.matches(labels));
            let mut new = new.map(|(number, _)| *number).peekable();
            if new.peek().is_none() {
                covering.seen = self.next_number;
                return;
            }
            numbers = covering.numbers.to_vec();
            numbers.extend(new);
            numbers.retain(|number| self.by_number.contains_key(number));
        } else {
            numbers = self.index.candidates(labels);
            numbers.retain(|number| self.by_number.get(number).is_some_and(|silence| silence.matches(labels)));
        }
        covering.numbers = numbers.into();
        covering.seen = self.next_number;
    }

    /// Whether what is remembered about a label set is up to date.
    pub fn is_fresh(&self, covering: &Covering) -> bool {
        covering.seen == self.next_number
    }

    /// What is remembered about a label set as it would be if it were up to date.
    pub fn refreshed<'c>(&self, labels: &LabelSet, covering: &'c Covering) -> Cow<'c, Covering> {
        if covering.seen == self.next_number {
            return Cow::Borrowed(covering);
        }
        let mut covering = covering.clone();
        self.refresh(labels, &mut covering);
        Cow::Owned(covering)
    }

    /// The active silences among those remembered, in order of arrival.
    pub fn active<'a>(&'a self, covering: &'a Covering, now: Timestamp) -> impl Iterator<Item = &'a Silence> {
        let known = covering.numbers.iter().filter_map(|number| self.by_number.get(number));
        known.filter(move |silence| silence.state(now) == SilenceState::Active)
    }
}

/// Whether something can be silenced by these matchers.
///
/// # Errors
/// There is none, or every one is satisfied by an absent label.
pub fn validate_matchers(matchers: &[Matcher]) -> Result<(), SilenceError> {
    if matchers.is_empty() {
        return Err(SilenceError::Invalid("at least one matcher is required"));
    }
    if matchers.len() > MATCHERS_MAX {
        return Err(SilenceError::TooManyMatchers(matchers.len()));
    }
    if matchers.iter().all(accepts_absence) {
        return Err(SilenceError::Invalid("at least one matcher must not match the empty string"));
    }
    Ok(())
}

fn validate_times(now: Timestamp, draft: &SilenceDraft) -> Result<(), SilenceError> {
    if draft.starts_at >= draft.ends_at {
        return Err(SilenceError::Invalid("it must start before it ends"));
    }
    if draft.ends_at < now {
        return Err(SilenceError::Invalid("it ends in the past"));
    }
    Ok(())
}

/// Alertmanager counts only `=` and `=~` here: a lone `a!="x"` is taken although it covers nearly everything.
fn accepts_absence(matcher: &Matcher) -> bool {
    matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex) && matcher.matches_value("")
}

fn whole_second(t: Timestamp) -> i64 {
    t.as_nanos().div_euclid(1_000_000_000)
}

#[cfg(test)]
mod tests;
