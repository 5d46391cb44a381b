//! Doing what a job of `core::aside` asks for, in the process that can be ended.

use super::bounded_work::{BoundedJob, JobResult};
use super::template::{Part, Parts};
use std::sync::Arc;

impl BoundedJob {
    /// Carries it out here, whatever it costs. For the process that can be ended.
    pub fn run(self) -> JobResult {
        match self {
            Self::Render { text, syntax, values, parts } => {
                let parts =
                    parts.into_iter().map(|(included, text)| Part { included, text: Arc::from(text) });
                JobResult::Rendered(Parts::of(parts.collect()).render_here(&text, syntax, &values))
            }
            Self::Check { check, response, reference } => {
                JobResult::Checked(check.run_here(&response, reference.as_deref()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::template::{Syntax, TemplateError};
    use serde_json::Map;
    use serde_json::json;

    #[test]
    fn a_job_comes_out_as_it_went_in() {
        let values = json!({"x": 0.1, "y": [2.225_073_858_507_201e-308, 9_007_199_254_740_993.0_f64, 1, -0.0], "z": {"a": "\u{0}"}});
        let values = values.as_object().unwrap();
        for text in ["{{ x }} {{ y }} {{ z }}", "{% for v in y %}{{ v }};{% endfor %}"] {
            let job = BoundedJob::render(text, Syntax::Jinja, values, &Parts::default());
            let there: BoundedJob = serde_json::from_slice(&serde_json::to_vec(&job).unwrap()).unwrap();
            let rendered = Parts::default().render_here(text, Syntax::Jinja, values);
            assert!(rendered.is_ok());
            let done = there.run();
            let back: JobResult = serde_json::from_slice(&serde_json::to_vec(&done).unwrap()).unwrap();
            assert_eq!((&done, back), (&JobResult::Rendered(rendered), done.clone()));
        }
        let missing = BoundedJob::render("{{ a }}", Syntax::Jinja, &Map::new(), &Parts::default()).run();
        let back: JobResult = serde_json::from_slice(&serde_json::to_vec(&missing).unwrap()).unwrap();
        assert_eq!(back, JobResult::Rendered(Err(TemplateError::Missing { name: "a".into(), line: 1 })));
    }
}
