//! What templates of notifications have: Alertmanager's functions and default templates.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::escape;

use super::error::FunctionFailure;
use super::function::{Call, Functions, Param, Signature, TEXT, TWO_TEXTS, text};
use super::template::TemplateSet;
use super::value::{List, Map, Safe, Value};
use super::{json, pattern, quote, rule_functions, text_case, time_format, time_methods, time_parse};

type Outcome = Result<Value, FunctionFailure>;

const TEXT_AND_TIME: Signature = Signature::of(&[Param::String, Param::Time]);

/// The templates every notification can call, under Alertmanager's names.
const DEFAULTS: &str = include_str!("../../go/default.tmpl");

/// The same for chats and pagers.
const INTEGRATIONS: &str = include_str!("../../go/integrations.tmpl");

/// Go's functions and those of notifications.
pub fn functions() -> Functions {
    let mut functions = Functions::builtins();
    install_texts(&mut functions);
    pattern::install(&mut functions);
    install_times(&mut functions);
    install_collections(&mut functions);
    functions
}

/// A set with [`functions`] and the default templates; a user's files are added to it and may redefine them.
pub fn template_set() -> TemplateSet {
    let mut set = TemplateSet::new(functions());
    // ours, and parsed by every test
    set.add("default.tmpl", DEFAULTS).expect("the default templates parse");
    set.add("integrations.tmpl", INTEGRATIONS).expect("the templates of integrations parse");
    set
}

fn install_texts(functions: &mut Functions) {
    functions.add("toUpper", TEXT, |_, args| Ok(text_case::upper(text(args, 0)).into()));
    functions.add("toLower", TEXT, |_, args| Ok(text_case::lower(text(args, 0)).into()));
    functions.add("title", TEXT, |_, args| Ok(text_case::title_words(text(args, 0)).into()));
    functions.add("trimSpace", TEXT, |_, args| Ok(text(args, 0).trim().into()));
    functions.add("safeHtml", TEXT, |_, args| Ok(Value::Safe(Safe::Html, text(args, 0).into())));
    functions.add("safeUrl", TEXT, |_, args| Ok(Value::Safe(Safe::Url, text(args, 0).into())));
    functions.add("urlUnescape", TEXT, |_, args| match escape::percent_decoded(text(args, 0), true) {
        Ok(decoded) => Ok(decoded.into()),
        Err(wrong) => Err(format!("invalid URL escape {}", quote::quote(&wrong)).into()),
    });
    functions.add("base64encode", TEXT, |_, args| Ok(URL_SAFE.encode(text(args, 0)).into()));
    functions.add("base64decode", TEXT, |_, args| {
        let encoded = text(args, 0).replace(['\r', '\n'], "");
        let bytes = URL_SAFE.decode(encoded).map_err(|error| format!("illegal base64 data: {error}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned().into())
    });
    functions
        .add("routeLabels", TEXT, |call, args| Ok(call.context.route_label(text(args, 0)).unwrap_or_default().into()));
    functions.add("toJson", Signature::of(&[Param::Any]), |call, args| {
        Ok(json::text(args.first().unwrap_or(&Value::Nil), call.limits.output_bytes)?.into())
    });
}

fn install_times(functions: &mut Functions) {
    functions.add("date", TEXT_AND_TIME, |_, args| Ok(time_format::format(time(args, 1)?, text(args, 0)).into()));
    functions.add("tz", TEXT_AND_TIME, |_, args| in_zone(text(args, 0), time(args, 1)?));
    functions.add("now", Signature::of(&[]), |call, _| Ok(time_methods::at(call.context.now())));
    functions.add("since", Signature::of(&[Param::Time]), |call, args| since(call, time(args, 0)?));
    functions.add("humanizeDuration", Signature::of(&[Param::Any]), |_, args| {
        Ok(rule_functions::humanize::humanize_duration(rule_functions::number(args)?).into())
    });
    functions.add("toDate", TWO_TEXTS, |_, args| {
        Ok(time_parse::parse(text(args, 0), text(args, 1)).map_or_else(|_| time_methods::zero_time(), Value::from))
    });
    functions.add("mustToDate", TWO_TEXTS, |_, args| Ok(time_parse::parse(text(args, 0), text(args, 1))?.into()));
}

fn install_collections(functions: &mut Functions) {
    functions.add("join", Signature::of(&[Param::String, Param::Strings]), join);
    functions.add("stringSlice", Signature::variadic(&[], Param::String), |_, args| {
        Ok(List { element: super::value::Element::String, items: args.to_vec() }.into())
    });
    functions.add("list", Signature::variadic(&[], Param::Any), |_, args| Ok(List::any(args.to_vec()).into()));
    functions.add("append", Signature::variadic(&[Param::List], Param::Any), |_, args| {
        let mut items = list(args, 0).to_vec();
        items.extend(args.iter().skip(1).cloned());
        Ok(List::any(items).into())
    });
    functions.add("dict", Signature::variadic(&[], Param::Any), |_, args| dict(args));
}

fn join(call: Call<'_>, args: &[Value]) -> Outcome {
    let base = args.get(1).map(Value::base);
    let items = match base.as_deref() {
        Some(Value::List(list)) => list.items.as_slice(),
        _ => &[],
    };
    let separator = text(args, 0);
    let mut out = String::new();
    for (index, item) in items.iter().filter_map(Value::as_str).enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(item);
        if out.len() > call.limits.output_bytes {
            let message = format!("text is larger than {} bytes", call.limits.output_bytes);
            return Err(FunctionFailure::Limit(message));
        }
    }
    Ok(out.into())
}

fn dict(args: &[Value]) -> Outcome {
    if !args.len().is_multiple_of(2) {
        return Err("dict takes names and values in pairs".into());
    }
    let entries = args.chunks(2).map(|pair| match pair {
        [Value::String(name), value] => Ok((name.clone(), value.clone())),
        [name, ..] => Err(format!("the names of a dict are texts, not {}", name.type_name())),
        [] => Err(String::new()),
    });
    Ok(Map::any(entries.collect::<Result<Vec<_>, _>>()?).into())
}

fn in_zone(name: &str, time: &Zoned) -> Outcome {
    let zone = match name {
        // no zone of the machine reaches a rendering
        "" | "UTC" | "Local" => TimeZone::UTC,
        _ => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"))?,
    };
    Ok(time.with_time_zone(zone).into())
}

fn since(call: Call<'_>, time: &Zoned) -> Outcome {
    let apart = call.context.now().as_nanosecond() - time.timestamp().as_nanosecond();
    let apart = apart.clamp(i64::MIN.into(), i64::MAX.into());
    Ok(Value::Duration(i64::try_from(apart).unwrap_or(i64::MAX)))
}

fn time(args: &[Value], index: usize) -> Result<&Zoned, FunctionFailure> {
    match args.get(index) {
        Some(Value::Time(time)) => Ok(time),
        _ => Err("not a time".into()),
    }
}

fn list(args: &[Value], index: usize) -> &[Value] {
    match args.get(index) {
        Some(Value::List(list)) => &list.items,
        _ => &[],
    }
}
