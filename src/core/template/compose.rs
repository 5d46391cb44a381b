//! Prompts made of other prompts: `{% include "rules/tone@production" %}` in jinja, `{include:rules/tone@production}`
//! in fstring. A text that is literal includes nothing.
//!
//! ```text
//! text --includes()--> names as written --fetch--> a revision's text -> its own includes -> ... -> Parts
//!                                            |                                                    |-> variables, render
//!            a cycle is refused with its path; what was found is recorded: name, revision, digest `-> included()
//! ```
//!
//! A part keeps its own syntax. It sees the same values; rendering stays one pass, so a value that reads like an
//! include is text.

use super::fstring::Braces;
use super::parts::{Part, Parts};
use super::syntax::{Budget, Syntax, TemplateError, Variable};
use super::variables::{has_braces, variables};
use super::{fstring, jinja, mustache, plain};
use crate::core::bounded_work::{self, BoundedJob, JobResult, Lost};
use crate::core::name::{PromptName, Reference};
use serde_json::{Map, Value};

/// Prompts inside prompts inside prompts: no deeper than this.
const DEPTH: usize = 16;
/// Parts of one prompt.
const PARTS: usize = 64;

/// Why parts do not come together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// A prompt includes itself, directly or through others.
    #[error("a prompt cannot include itself: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
    /// What a template includes is not there.
    #[error("{} cannot be included: {why}", .path.join(" -> "))]
    Missing {
        /// From the outermost prompt to the one that is missing.
        path: Vec<String>,
        /// The registry's words.
        why: String,
    },
    /// Too deep, or too many parts.
    #[error("{} is too much: prompts are included up to {DEPTH} deep and {PARTS} in all", .0.join(" -> "))]
    TooMany(Vec<String>),
    /// A template on the way does not parse.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The references in a template, as written, each once, in their order.
///
/// # Errors
/// [`TemplateError::Syntax`] when the text does not parse, or names what it includes by a variable.
pub fn includes(text: &str, syntax: Syntax) -> Result<Vec<String>, TemplateError> {
    match syntax {
        Syntax::Jinja if text.contains("{%") => jinja::includes(text),
        Syntax::Fstring if text.contains("{include:") => fstring::includes(text),
        _ => Ok(Vec::new()),
    }
}

/// Gathers the parts of some texts (one, or the messages of a chat) of the prompt and revision `root`.
///
/// `fetch` finds what a reference stands for, and says why in words when there is nothing.
///
/// # Errors
/// Any [`ComposeError`].
pub fn compose(
    root: (&PromptName, u32),
    texts: &[&str],
    syntax: Syntax,
    fetch: impl FnMut(&str, &Reference) -> Result<Part, String>,
) -> Result<Parts, ComposeError> {
    let mut composer = Composer { parts: Vec::new(), path: vec![(root.0.clone(), root.1)], fetch };
    for text in texts {
        composer.walk(text, syntax)?;
    }
    Ok(Parts::of(composer.parts))
}

struct Composer<F> {
    parts: Vec<Part>,
    /// Prompts being walked through, the outermost first.
    path: Vec<(PromptName, u32)>,
    fetch: F,
}

impl<F: FnMut(&str, &Reference) -> Result<Part, String>> Composer<F> {
    fn shown(&self, last: &str) -> Vec<String> {
        let path = self.path.iter().map(|(name, seq)| format!("{name}@r{seq}"));
        path.chain([last.to_owned()]).collect()
    }

    fn walk(&mut self, text: &str, syntax: Syntax) -> Result<(), ComposeError> {
        for written in includes(text, syntax)? {
            // Found before, and walked to its end.
            if self.parts.iter().any(|part| part.included.reference == written) {
                continue;
            }
            let missing = |path, why: String| ComposeError::Missing { path, why };
            let reference: Reference =
                written.parse().map_err(|e| missing(self.shown(&written), format!("{e}")))?;
            let part =
                (self.fetch)(&written, &reference).map_err(|why| missing(self.shown(&written), why))?;
            let here = (part.included.name.clone(), part.included.revision);
            if self.path.contains(&here) {
                return Err(ComposeError::Cycle(self.shown(&format!("{}@r{}", here.0, here.1))));
            }
            if self.path.len() > DEPTH || self.parts.len() >= PARTS {
                return Err(ComposeError::TooMany(self.shown(&written)));
            }
            self.path.push(here);
            let walked = self.walk(&part.text, part.included.syntax);
            self.path.pop();
            walked?;
            self.parts.push(part);
        }
        Ok(())
    }
}

/// The text that `values` make of a template. Strings stand as they are; true, false and null are written as Python writes
/// them (`True`, `None`) in `jinja`, `fstring` and `braces`; numbers as they were given; lists and objects as JSON, in
/// `jinja` as the engine writes them.
///
/// # Errors
/// Any [`TemplateError`]; values that the template does not ask for are none (see [`super::unknown`]).
pub fn render(text: &str, syntax: Syntax, values: &Map<String, Value>) -> Result<String, TemplateError> {
    Parts::default().render(text, syntax, values)
}

/// Renders where it can be ended; here, where there is no such place.
fn render_elsewhere(
    parts: &Parts,
    text: &str,
    syntax: Syntax,
    values: &Map<String, Value>,
) -> Result<String, TemplateError> {
    match bounded_work::carried_out(|| BoundedJob::render(text, syntax, values, parts)) {
        None => parts.render_here(text, syntax, values),
        Some(Ok(JobResult::Rendered(rendered))) => rendered,
        Some(Ok(JobResult::Checked(_))) => Err(TemplateError::Unavailable("another answer came".to_owned())),
        Some(Err(Lost::TooCostly)) => Err(TemplateError::TooCostly),
        Some(Err(Lost::Unavailable(why))) => Err(TemplateError::Unavailable(why)),
    }
}

impl Parts {
    /// The variables of a template and of all it includes, each once: its own first.
    ///
    /// # Errors
    /// [`TemplateError::Syntax`] when one of the texts does not parse.
    pub fn variables(&self, text: &str, syntax: Syntax) -> Result<Vec<Variable>, TemplateError> {
        let mut found = variables(text, syntax)?;
        let mut waiting = includes(text, syntax)?;
        let mut seen = 0;
        while let Some(part) = waiting.get(seen).and_then(|written| self.get(written)) {
            seen += 1;
            let inner = variables(&part.text, part.included.syntax).map_err(|e| part.blame(e))?;
            for variable in inner {
                if !found.iter().any(|known| known.name == variable.name) {
                    found.push(variable);
                }
            }
            for written in includes(&part.text, part.included.syntax)? {
                if !waiting.contains(&written) {
                    waiting.push(written);
                }
            }
        }
        Ok(found)
    }

    /// The text that values make of a template and its parts.
    ///
    /// # Errors
    /// Any [`TemplateError`]; one inside a part says in which.
    pub fn render(
        &self,
        text: &str,
        syntax: Syntax,
        values: &Map<String, Value>,
    ) -> Result<String, TemplateError> {
        if syntax == Syntax::Literal || !has_braces(text) {
            return Ok(text.to_owned());
        }
        if !bounded_work::is_there() {
            return self.render_here(text, syntax, values);
        }
        let mut jinja = self.iter().filter(|part| part.included.syntax == Syntax::Jinja);
        let is_plain = (syntax != Syntax::Jinja || plain::is_plain(text))
            && jinja.all(|part| plain::is_plain(&part.text));
        if is_plain {
            match self.within(text, syntax, values, &Budget::new(), jinja::JinjaEngine::Plain) {
                // There is more of everything elsewhere.
                Err(TemplateError::TooCostly) => {}
                rendered => return rendered,
            }
        }
        render_elsewhere(self, text, syntax, values)
    }

    /// As [`Parts::render`], here whatever the template is.
    pub(in crate::core) fn render_here(
        &self,
        text: &str,
        syntax: Syntax,
        values: &Map<String, Value>,
    ) -> Result<String, TemplateError> {
        self.within(text, syntax, values, &Budget::new(), jinja::JinjaEngine::Full)
    }

    fn within(
        &self,
        text: &str,
        syntax: Syntax,
        values: &Map<String, Value>,
        budget: &Budget,
        engine: jinja::JinjaEngine,
    ) -> Result<String, TemplateError> {
        match syntax {
            Syntax::Jinja if has_braces(text) => {
                // An engine is no small thing to start, however little it then does.
                budget.pay(1_000, 0)?;
                let rendered = if self.is_empty() {
                    jinja::render(text, values, engine)
                } else {
                    jinja::render_parts(text, values, self, budget, engine)
                }?;
                budget.pay(0, rendered.len())?;
                Ok(rendered)
            }
            Syntax::Fstring => fstring::render(text, Braces::Doubled, values, self, budget, engine),
            Syntax::Braces => fstring::render(text, Braces::Text, values, self, budget, engine),
            Syntax::Mustache => mustache::render(text, values, budget),
            Syntax::Jinja | Syntax::Literal => {
                budget.pay(1, text.len())?;
                Ok(text.to_owned())
            }
        }
    }

    pub(super) fn render_part(
        &self,
        reference: &str,
        values: &Map<String, Value>,
        budget: &Budget,
        engine: jinja::JinjaEngine,
    ) -> Result<String, TemplateError> {
        let part = self.get(reference).ok_or_else(|| TemplateError::Failed {
            line: 0,
            message: format!("'{reference}' is not read here: includes need a registry"),
        })?;
        let rendered = self.within(&part.text, part.included.syntax, values, budget, engine);
        rendered.map_err(|e| if e == TemplateError::TooCostly { e } else { part.blame(e) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::parts::Included;
    use super::*;
    use crate::core::digest::Digest;
    use serde_json::json;
    use std::sync::Arc;

    /// Name, revision, syntax and text of each prompt; a reference picks the last of its name, or `@rN`.
    fn fetch<'a>(
        all: &'a [(&'a str, u32, Syntax, &'a str)],
    ) -> impl FnMut(&str, &Reference) -> Result<Part, String> + 'a {
        use crate::core::prompt::Base;
        move |written, reference| {
            let fits = |p: &&(&str, u32, Syntax, &str)| {
                p.0 == reference.name.as_str()
                    && match reference.selector.base {
                        Base::Revision(seq) => p.1 == seq,
                        _ => true,
                    }
            };
            let (_, revision, syntax, text) = all.iter().rev().find(fits).ok_or("there is none")?;
            let included = Included {
                reference: written.to_owned(),
                name: reference.name.clone(),
                revision: *revision,
                digest: Digest::of(text),
                syntax: *syntax,
            };
            Ok(Part { included, text: Arc::from(*text) })
        }
    }

    fn root(text: &str, all: &[(&str, u32, Syntax, &str)]) -> Result<Parts, ComposeError> {
        compose((&"main".parse().unwrap(), 3), &[text], Syntax::Jinja, fetch(all))
    }

    #[test]
    fn parts_of_all_syntaxes_come_together_in_one_pass() {
        let all = [
            ("tone", 1, Syntax::Jinja, "Be {{ tone }}.\n{% include 'braces' %}\n"),
            ("braces", 4, Syntax::Fstring, "{{json}} for {who}{include:end}"),
            ("end", 2, Syntax::Literal, " {{ kept }} {% as is %}"),
        ];
        let text = "{% include \"tone@latest\" %}---\n{{ input }}\n";
        let parts = root(text, &all).unwrap();
        let names: Vec<String> =
            parts.variables(text, Syntax::Jinja).unwrap().into_iter().map(|v| v.name).collect();
        assert_eq!(names, ["input", "tone", "who"]);
        let included: Vec<(String, u32)> =
            parts.included().into_iter().map(|i| (i.reference, i.revision)).collect();
        assert_eq!(included, [("end".into(), 2), ("braces".into(), 4), ("tone@latest".into(), 1)]);
        let values = json!({"input": "{% include 'tone' %}", "tone": "{{ input }}", "who": "{x}"});
        let done = parts.render(text, Syntax::Jinja, values.as_object().unwrap()).unwrap();
        assert_eq!(
            done,
            "Be {{ input }}.\n{json} for {x} {{ kept }} {% as is %}\n---\n{% include 'tone' %}\n"
        );
    }

    #[test]
    fn an_included_loop_variable_is_the_loops() {
        let all = [("row", 1, Syntax::Jinja, "- {{ x }}\n")];
        let text = "{% for x in xs %}{% include 'row' %}{% endfor %}";
        let values = json!({"xs": ["a", "b"]});
        let parts = root(text, &all).unwrap();
        assert_eq!(parts.render(text, Syntax::Jinja, values.as_object().unwrap()).unwrap(), "- a\n- b\n");
    }

    #[test]
    fn a_cycle_is_refused_with_its_path() {
        let all = [
            ("a", 7, Syntax::Jinja, "{% include 'b' %}"),
            ("b", 2, Syntax::Fstring, "{include:main@r3}"),
            ("main", 3, Syntax::Jinja, "{% include 'a' %}"),
        ];
        let error = root("{% include 'a' %}", &all).unwrap_err();
        assert_eq!(error.to_string(), "a prompt cannot include itself: main@r3 -> a@r7 -> b@r2 -> main@r3");
        // An older revision of itself is another text.
        let older = [("main", 2, Syntax::Jinja, "old")];
        assert!(root("{% include 'main@r2' %}", &older).is_ok());
    }

    #[test]
    fn faults_name_the_part_they_are_in() {
        let error = root("{% include 'nowhere' %}", &[]).unwrap_err();
        assert_eq!(error.to_string(), "main@r3 -> nowhere cannot be included: there is none");
        assert!(root("{% include 'No Name' %}", &[]).unwrap_err().to_string().contains("not a prompt name"));
        assert!(root("{% include which %}", &[]).unwrap_err().to_string().contains("in quotes"));
        let all = [("p", 1, Syntax::Jinja, "\n{{ absent }}"), ("f", 1, Syntax::Fstring, "{gone}")];
        for (text, missing, line) in
            [("{% include 'p' %}", "absent", "line 2"), ("{% include 'f' %}", "gone", "line 1")]
        {
            let error = root(text, &all).unwrap().render(text, Syntax::Jinja, &Map::new()).unwrap_err();
            assert_eq!(error.missing(), Some(missing), "{error}");
            let words = error.to_string();
            assert!(words.starts_with("in '") && words.contains(line), "{words}");
        }
    }

    #[test]
    fn bombs_are_bounded() {
        let texts: Vec<(String, String)> =
            (0..40).map(|i| (format!("p{i}"), format!("{{% include 'p{}' %}}", i + 1))).collect();
        let all: Vec<(&str, u32, Syntax, &str)> =
            texts.iter().map(|(n, t)| (n.as_str(), 1, Syntax::Jinja, t.as_str())).collect();
        assert!(matches!(root("{% include 'p0' %}", &all), Err(ComposeError::TooMany(_))));
        let wide: String = (0..80).map(|i| format!("{{% include 'w{i}' %}}")).collect();
        let names: Vec<String> = (0..80).map(|i| format!("w{i}")).collect();
        let all: Vec<(&str, u32, Syntax, &str)> =
            names.iter().map(|n| (n.as_str(), 1, Syntax::Literal, "x")).collect();
        assert!(matches!(root(&wide, &all), Err(ComposeError::TooMany(_))));
    }
}
