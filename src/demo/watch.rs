//! Sees what happens: the states of alerts, the pages that come in, the shop's news.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{LabelSet, Timestamp};
use rules_engine::alerting::AlertState;
use rules_engine::io::state::RulesState;
use serde::Serialize;
use tokio::sync::{broadcast, watch};

use super::screen::Screen;
use super::shop::Shop;
use super::story::{Event, Story};
use crate::inbox::Page;
use crate::live;
use crate::service::rules::RuleService;
use crate::web::operation::Quit;

/// Between looks at the rules.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is known now; those who watch write it, those who show it read it.
pub struct Board {
    known: Mutex<Known>,
}

struct Known {
    story: Story,
    alerts: Vec<ShownAlert>,
    news: &'static str,
}

/// An alert of a rule, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownAlert {
    /// pending, firing or inactive.
    pub state: String,
    /// Its name.
    pub name: String,
    /// Its summary.
    pub summary: String,
}

/// Who watches.
pub struct Watcher {
    /// The rules.
    pub rules: Arc<RuleService>,
    /// Pages as they come; subscribed before the first can come.
    pub arrivals: broadcast::Receiver<Page>,
    /// The script.
    pub shop: Shop,
    /// Where it is written down.
    pub board: Arc<Board>,
    /// Where it is told.
    pub screen: Screen,
    /// How long the story may take.
    pub deadline: Duration,
    /// Ends the process with the story, if it is to end then.
    pub quit: Option<Quit>,
}

/// What a look at a rule's alert shows.
struct Seen {
    state: AlertState,
    summary: String,
}

impl Board {
    /// Before anything happened.
    pub fn at_start(started: Timestamp) -> Board {
        Board { known: Mutex::new(Known { story: Story::beginning(started), alerts: Vec::new(), news: "" }) }
    }

    /// The story so far.
    pub fn story(&self) -> Story {
        self.known().story.clone()
    }

    /// The alerts as last seen.
    pub fn alerts(&self) -> Vec<ShownAlert> {
        self.known().alerts.clone()
    }

    /// The shop's last news.
    pub fn news(&self) -> &'static str {
        self.known().news
    }

    fn note(&self, at: Timestamp, event: &Event) -> bool {
        let mut known = self.known();
        if let Event::News(news) = event {
            known.news = news;
        }
        known.story.note(at, event)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Watches until `ended` turns true.
    pub async fn run(mut self, mut ended: watch::Receiver<bool>) {
        let mut states: BTreeMap<LabelSet, AlertState> = BTreeMap::new();
        let started = self.board.story().started();
        let mut looked = started.minus(Duration::from_millis(1));
        let mut is_late = false;
        while !*ended.borrow() {
            let arrived = tokio::select! {
                page = self.arrivals.recv() => page.ok(),
                () = live::wait(LOOK_EVERY) => None,
                _ = ended.changed() => return,
            };
            let now = live::now();
            let mut events: Vec<Event> = self.shop.news(looked, now).into_iter().map(Event::News).collect();
            looked = now;
            events.extend(self.changes(&mut states));
            events.extend(arrived.map(Event::Page));
            let is_complete = events.into_iter().fold(false, |is_complete, event| {
                self.screen.tell(&self.screen.event(now.since(started), &event));
                self.board.note(now, &event) || is_complete
            });
            if is_complete {
                self.end_of_story(now);
            }
            if !is_late && now.since(started) > self.deadline {
                is_late = true;
                self.deadline_passed();
            }
        }
    }

    /// The alerts whose states differ from those before.
    fn changes(&self, before: &mut BTreeMap<LabelSet, AlertState>) -> Vec<Event> {
        let now = self.look();
        let shown = |(labels, seen): (&LabelSet, &Seen)| ShownAlert {
            state: seen.state.to_string(),
            name: labels.alert_name().to_owned(),
            summary: seen.summary.clone(),
        };
        self.board.known().alerts = now.iter().map(shown).collect();
        let gone = before.keys().filter(|labels| !now.contains_key(*labels)).cloned().collect::<Vec<_>>();
        let left =
            gone.into_iter().map(|labels| (labels, Seen { state: AlertState::Inactive, summary: String::new() }));
        let mut events = Vec::new();
        for (labels, Seen { state: is, summary }) in now.into_iter().chain(left) {
            let was = before.insert(labels.clone(), is).unwrap_or(AlertState::Inactive);
            if was != is {
                events.push(Event::Rule { labels, was, is, summary });
            }
        }
        before.retain(|_, state| *state != AlertState::Inactive);
        events
    }

    fn look(&self) -> BTreeMap<LabelSet, Seen> {
        self.rules.with_engine(|engine| {
            let rules = engine.groups().flat_map(|group| group.rules());
            let instances = rules.flat_map(|rule| rule.instances().iter());
            let seen = instances.map(|instance| {
                let summary = instance.annotations.get_or_empty("summary").to_owned();
                (instance.labels.clone(), Seen { state: instance.course.state, summary })
            });
            seen.collect()
        })
    }

    fn end_of_story(&self, now: Timestamp) {
        self.screen.tell(&self.screen.end(&self.board.story(), now));
        match &self.quit {
            Some(quit) => quit.now(),
            None => self.screen.tell(&self.screen.hints()),
        }
    }

    fn deadline_passed(&self) {
        let story = self.board.story();
        if story.is_complete() {
            return;
        }
        self.screen.tell(&self.screen.missing(&story, self.deadline));
        if let Some(quit) = &self.quit {
            quit.now();
        }
    }
}
