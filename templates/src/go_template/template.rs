//! Parsed templates, alone and in sets that share one namespace.

use std::sync::Arc;

use super::error::TemplateError;
use super::exec;
use super::function::{Context, Functions};
use super::limits::Limits;
use super::node::Tree;
use super::parser::{self, Trees};
use super::value::Value;

/// What one execution gets.
#[derive(Clone, Copy)]
pub struct Render<'a> {
    /// The dot.
    pub data: &'a Value,
    /// Values of the predeclared variables, such as `$labels`; a missing one is nil.
    pub variables: &'a [(&'a str, Value)],
    /// What functions need from outside.
    pub context: &'a dyn Context,
    /// How much the template may do.
    pub limits: &'a Limits,
    /// How values are escaped.
    pub escape: Escape,
}

/// How the values an action prints are escaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// Not at all, as in Go's `text/template`.
    #[default]
    None,
    /// For the place in the HTML they stand in, as in Go's `html/template`.
    Html,
}

/// Finds templates by name.
pub(crate) trait Lookup {
    fn lookup(&self, name: &str) -> Option<&Tree>;
}

/// A parsed template with everything it can call; executes any number of times, on any thread.
#[derive(Clone, Debug)]
pub struct Template {
    main: Arc<Tree>,
    own: Arc<Trees>,
    shared: Arc<Trees>,
}

/// Templates that can call each other: every definition of every source shares one namespace.
#[derive(Clone, Debug)]
pub struct TemplateSet {
    functions: Arc<Functions>,
    trees: Arc<Trees>,
}

impl Template {
    /// Parses a template that stands alone. `name` is what errors call it.
    pub fn parse(name: &str, text: &str, functions: &Functions) -> Result<Self, TemplateError> {
        let (main, own) = parser::parse(name, text, functions)?;
        Ok(Self { main, own: Arc::new(own), shared: Arc::default() })
    }

    /// Renders the template.
    pub fn execute(&self, render: &Render<'_>) -> Result<String, TemplateError> {
        exec::execute(&self.main, self, render)
    }

    /// The name errors call it.
    pub fn name(&self) -> &str {
        &self.main.name
    }
}

impl Lookup for Template {
    fn lookup(&self, name: &str) -> Option<&Tree> {
        let shared = self.shared.get(name);
        match self.own.get(name) {
            // an empty definition does not hide one with content
            Some(own) if !own.is_empty() || shared.is_none() => Some(own),
            _ => shared.map(|tree| &**tree),
        }
    }
}

impl Lookup for Trees {
    fn lookup(&self, name: &str) -> Option<&Tree> {
        self.get(name).map(|tree| &**tree)
    }
}

impl TemplateSet {
    /// An empty set whose templates may call these functions.
    pub fn new(functions: Functions) -> Self {
        Self { functions: Arc::new(functions), trees: Arc::default() }
    }

    /// Adds a source and all it defines. Of two definitions with one name, the later counts, unless it is empty.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        let (_, added) = parser::parse(name, text, &self.functions)?;
        let trees = Arc::make_mut(&mut self.trees);
        for (name, tree) in added {
            let hides = trees.get(&name).is_some_and(|old| !old.is_empty() && tree.is_empty());
            if !hides {
                trees.insert(name, tree);
            }
        }
        Ok(())
    }

    /// Parses a text that may call every template of the set. Later changes of the set do not reach it.
    pub fn parse(&self, name: &str, text: &str) -> Result<Template, TemplateError> {
        let (main, own) = parser::parse(name, text, &self.functions)?;
        Ok(Template { main, own: Arc::new(own), shared: self.trees.clone() })
    }

    /// Renders the template of this name.
    pub fn execute(&self, name: &str, render: &Render<'_>) -> Result<String, TemplateError> {
        match self.trees.get(name) {
            Some(tree) => exec::execute(tree, &*self.trees, render),
            None => {
                let name = super::quote::quote(name);
                Err(TemplateError::unplaced(format!("no template {name} is defined")))
            }
        }
    }

    /// Whether there is a template of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.trees.contains_key(name)
    }

    /// The names of all templates, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.trees.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::super::{At, Functions, Value};
    use super::*;

    fn show(set: &TemplateSet, name: &str) -> String {
        let limits = Limits::default();
        let render =
            Render { data: &Value::Nil, variables: &[], context: &At(0.0), limits: &limits, escape: Escape::None };
        set.execute(name, &render).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn later_definitions_win_but_empty_ones_do_not() {
        let mut set = TemplateSet::new(Functions::builtins());
        set.add("a.tmpl", "{{ define \"x\" }}one{{ end }}{{ define \"y\" }}{{ template \"x\" }}!{{ end }}")
            .expect("parses");
        assert_eq!(show(&set, "y"), "one!");
        set.add("b.tmpl", "{{ define \"x\" }}two{{ end }}").expect("parses");
        set.add("c.tmpl", "{{ define \"x\" }} {{/* nothing */}} {{ end }}").expect("parses");
        assert_eq!(show(&set, "y"), "two!");
        assert_eq!(show(&set, "z"), "template: no template \"z\" is defined");
        assert!(set.add("d.tmpl", "{{ define \"x\" }}").is_err());
        assert_eq!(show(&set, "y"), "two!");
    }

    #[test]
    fn a_text_may_redefine_what_the_set_has_for_itself() {
        let mut set = TemplateSet::new(Functions::builtins());
        set.add("a.tmpl", "{{ define \"x\" }}one{{ end }}{{ define \"y\" }}{{ template \"x\" }}!{{ end }}")
            .expect("parses");
        let template = set.parse("", "{{ define \"x\" }}own{{ end }}{{ template \"y\" }}").expect("parses");
        let limits = Limits::default();
        let render =
            Render { data: &Value::Nil, variables: &[], context: &At(0.0), limits: &limits, escape: Escape::None };
        assert_eq!(template.execute(&render).as_deref(), Ok("own!"));
        assert_eq!(show(&set, "y"), "one!");
    }

    #[test]
    fn templates_are_shared_between_threads() {
        fn shared<T: Send + Sync + Clone>() {}
        shared::<Template>();
        shared::<TemplateSet>();
        shared::<Functions>();
        shared::<Value>();
        shared::<TemplateError>();
    }
}
