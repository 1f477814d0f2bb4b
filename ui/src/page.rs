//! A template and its data as an answer.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Caller;
use model::caller::Role;
use model::matcher::parse::print_matchers;
use serde::Serialize;
use serde_json::{Value, json};
use templates::handlebars::{Data, Escaping};

use crate::asset;
use crate::form::{Fields, Sent};
use crate::here::Here;
use crate::house::{House, Section};
use crate::moment::Moment;
use crate::shown::{SHORT, shown};

/// What is around the content of a page.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// Where the request is.
    pub here: &'a Here,
    /// The entry of the navigation that is marked.
    pub section: Option<Section>,
    /// The title of the window.
    pub title: &'a str,
    /// Modules of `ui/assets/` this page needs beside `site.js`.
    pub scripts: &'a [&'static str],
    /// Where browsers without JavaScript go on.
    pub forward: Option<&'a str>,
}

impl<'a> Frame<'a> {
    /// A page of a section.
    pub fn new(here: &'a Here, section: Section, title: &'a str) -> Self {
        Self { here, section: Some(section), title, scripts: &[], forward: None }
    }

    /// With these modules.
    #[must_use]
    pub fn with_scripts(self, scripts: &'a [&'static str]) -> Self {
        Self { scripts, ..self }
    }
}

/// What has been done, as the page after a form says it: `?done=acknowledged`. Only these texts can be asked for.
const NOTICES: &[(&str, &str)] = &[
    ("acknowledged", "Acknowledged."),
    ("unacknowledged", "The acknowledgement was taken back."),
    ("silenced", "The silence is set."),
    ("expired", "The silence has ended."),
    ("extended", "The silence ends later now."),
    ("tested", "The test message was sent."),
];

impl<N, R> House<N, R> {
    /// A page: `web.NAME` rendered with the fields of `view`, which must be an object; `page` in the root is what belongs to every page
    /// (`page.root` before links, `page.token` for forms, `page.now`).
    pub fn page(&self, frame: &Frame<'_>, name: &str, view: &impl Serialize) -> Response {
        self.page_with(StatusCode::OK, frame, name, view)
    }

    /// The same with another status.
    pub fn page_with(&self, status: StatusCode, frame: &Frame<'_>, name: &str, view: &impl Serialize) -> Response {
        match self.render(frame, name, view) {
            Ok(text) => html(status, text),
            Err(error) => {
                tracing::error!(%error, page = name, "a page failed");
                self.failed()
            }
        }
    }

    /// A part of a page, for scripts that put it in place.
    pub fn fragment(&self, here: &Here, name: &str, view: &impl Serialize) -> Result<String, String> {
        let frame = Frame { here, section: None, title: "", scripts: &[], forward: None };
        let data = Data::new(self.data(&frame, view)?);
        self.registry().render(name, Escaping::Html, &data).map_err(|error| error.to_string())
    }

    /// A page that says what went wrong. `detail` is shown as it is, such as an error of several lines.
    pub fn mistake(&self, here: &Here, status: StatusCode, message: &str, detail: Option<&str>) -> Response {
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            status if status.is_client_error() => "That did not work",
            _ => "Something failed",
        };
        let frame = Frame { here, section: None, title, scripts: &[], forward: None };
        let view = json!({ "title": title, "message": message, "detail": detail });
        self.page_with(status, &frame, "web.mistake", &view)
    }

    /// The fields of a form, or the page that refuses it.
    ///
    /// # Errors
    /// It was not one of our pages that sent it, or too long ago.
    #[expect(clippy::result_large_err, reason = "it is the answer")]
    pub fn fields(&self, here: &Here, sent: &Sent) -> Result<Fields, Response> {
        let fields = sent.fields(&self.form_key, &self.external_url, self.now());
        fields.map_err(|error| self.mistake(here, error.status(), &error.to_string(), None))
    }

    /// A page that could not be made, for a reason that is in the log.
    pub fn failed(&self) -> Response {
        let text = "<!DOCTYPE html><title>Failed</title>This page failed; the log says why.";
        html(StatusCode::INTERNAL_SERVER_ERROR, text.to_owned())
    }

    fn render(&self, frame: &Frame<'_>, name: &str, view: &impl Serialize) -> Result<String, String> {
        let data = Data::new(self.data(frame, view)?);
        let render = |name| self.registry().render(name, Escaping::Html, &data).map_err(|error| error.to_string());
        let mut text = render("web.head")?;
        text.push_str(&render(name)?);
        text.push_str(&render("web.foot")?);
        Ok(text)
    }

    fn data(&self, frame: &Frame<'_>, view: &impl Serialize) -> Result<Value, String> {
        let mut data = serde_json::to_value(view).map_err(|error| error.to_string())?;
        let fields = data.as_object_mut().ok_or("the view of a page is no object")?;
        let now = self.now();
        fields.insert("now".to_owned(), now.to_rfc3339().into());
        fields.insert("page".to_owned(), self.around(frame, now.into()));
        Ok(data)
    }

    fn around(&self, frame: &Frame<'_>, now: Moment) -> Value {
        let root = frame.here.root();
        let caller = frame.here.caller();
        let entries = Section::ALL.into_iter().filter(|section| self.has(*section) && section.is_for(caller));
        let nav = entries.map(|section| {
            let current = frame.section == Some(section);
            json!({ "path": section.path(), "title": section.title(), "keys": section.keys(), "current": current })
        });
        let done = frame.here.parameter("done");
        let notice = NOTICES.iter().find(|(name, _)| done.as_deref() == Some(*name)).map(|(_, text)| *text);
        json!({
            "root": root,
            "assets": format!("{root}/{}", asset::folder()),
            "title": frame.title,
            "section": frame.section.map_or("none", Section::path),
            "nav": nav.collect::<Vec<_>>(),
            "scripts": frame.scripts,
            "forward": frame.forward,
            "token": self.form_key.token(self.now()),
            "notice": notice,
            "query": frame.here.query(),
            "by": frame.here.user(),
            "who": who(caller),
            "signs": caller.signs && caller.name.is_some(),
            "may_quiet": caller.role >= Role::Operator,
            "may_try": caller.role >= Role::Operator && !caller.is_scoped(),
            "version": self.version,
            "now": now,
        })
    }
}

/// Who is looked after here, as the top of a page says it; nothing where nobody is asked who they are.
fn who(caller: &Caller) -> Option<Value> {
    let name = caller.name.as_deref();
    if name.is_none() && caller.role == Role::Admin && !caller.is_scoped() {
        return None;
    }
    let scope = caller.is_scoped().then(|| shown(&print_matchers(&caller.scope), SHORT));
    Some(
        json!({ "name": name.map_or("not logged in".to_owned(), |name| shown(name, SHORT)), "role": caller.role.as_str(), "scope": scope }),
    )
}

fn html(status: StatusCode, text: String) -> Response {
    let mut response = (status, Body::from(text)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 303 to a path below the root: after a form, so that to load the page again sends nothing again.
pub fn see_other(here: &Here, path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, format!("{}/{path}", here.root()))]).into_response()
}
