//! Which module of the crate knows which, read from its sources, and the circles among them.
//!
//! A file `x.rs` and the files below `x/` are one module: they are its parts, and may know each other's middle. A `mod.rs`
//! that names its children and re-exports from them is looked through: who uses `store::Handle` knows `store/worker.rs`.

use std::collections::{BTreeMap, BTreeSet};

/// A module by its path from the crate's root: `["tui", "screen", "grid"]`.
type Path = Vec<String>;
/// What a file's tokens say.
struct Module {
    file: String,
    /// What it knows, as full paths.
    known: Vec<Path>,
    /// Names it brings in, and where they are from.
    names: BTreeMap<String, Path>,
}

/// The modules of a crate.
pub(crate) struct Graph {
    modules: BTreeMap<Path, Module>,
}

impl Graph {
    /// Of files by their path below the crate (`src/tui/app.rs`), with their texts; files of tests are left out.
    pub(crate) fn of(files: &[(String, String)]) -> Self {
        let is_test = |file: &str| file.ends_with("tests.rs");
        let mut sources: Vec<(Path, &String, Vec<String>)> = Vec::new();
        let mut of_tests: Vec<Path> = Vec::new();
        for (file, text) in files {
            if file.starts_with("src/") && file != "src/main.rs" && !is_test(file) {
                let (path, mut names) = (path_of(file), Vec::new());
                let tokens = without_tests(tokens(text), &mut names);
                of_tests.extend(names.into_iter().map(|name| [path.as_slice(), &[name]].concat()));
                sources.push((path, file, tokens));
            }
        }
        sources.retain(|(path, ..)| !of_tests.iter().any(|test| path.starts_with(test)));
        let all: BTreeSet<Path> = sources.iter().map(|(path, ..)| path.clone()).collect();
        let modules = sources
            .into_iter()
            .map(|(path, file, tokens)| {
                let (known, names) = read(&path, &tokens, &all);
                (path, Module { file: file.clone(), known, names })
            })
            .collect();
        Self { modules }
    }

    /// The module that a path leads into, through re-exports.
    fn resolve(&self, path: &[String], seen: &mut BTreeSet<Path>) -> Option<Path> {
        if !seen.insert(path.to_vec()) {
            return None;
        }
        let depth = (0..=path.len()).rev().find(|n| self.modules.contains_key(&path[..*n]))?;
        let (module, rest) = path.split_at(depth);
        if let Some((name, after)) = rest.split_first()
            && let Some(target) = self.modules[module].names.get(name)
        {
            let further = [target.as_slice(), after].concat();
            if let Some(found) = self.resolve(&further, seen) {
                return Some(found);
            }
        }
        Some(module.to_vec())
    }

    /// The outermost `x.rs` around a module.
    fn unit(&self, path: &[String]) -> Path {
        let mut unit = path.to_vec();
        for n in (1..=path.len()).rev() {
            match self.modules.get(&path[..n]) {
                Some(m) if !m.file.ends_with("mod.rs") && !m.file.ends_with("lib.rs") => {
                    unit = path[..n].to_vec()
                }
                _ => break,
            }
        }
        unit
    }

    fn arrows(&self) -> impl Iterator<Item = (&Path, Path)> {
        self.modules.iter().flat_map(|(from, module)| {
            let to = module.known.iter().filter_map(|path| self.resolve(path, &mut BTreeSet::new()));
            to.map(move |to| (from, to))
        })
    }

    /// Modules that know each other, round about: the files of each circle. Parts of one module may know its middle, but not
    /// each other round about.
    pub(crate) fn circles(&self) -> Vec<BTreeSet<String>> {
        let mut between: BTreeMap<Path, BTreeSet<Path>> = BTreeMap::new();
        let mut within: BTreeMap<Path, BTreeSet<Path>> = BTreeMap::new();
        for (from, to) in self.arrows() {
            let (a, b) = (self.unit(from), self.unit(&to));
            if a != b {
                between.entry(a).or_default().insert(b);
            } else if *from != to && !from.starts_with(&to) {
                within.entry(from.clone()).or_default().insert(to);
            }
        }
        let files =
            |circle: BTreeSet<Path>| circle.iter().map(|path| self.modules[path].file.clone()).collect();
        circles(&between).into_iter().chain(circles(&within)).map(files).collect()
    }
}

fn path_of(file: &str) -> Path {
    let inside = file.trim_start_matches("src/").trim_end_matches(".rs");
    let mut path: Path = inside.split('/').map(ToOwned::to_owned).collect();
    path.pop_if(|last| ["mod", "lib"].contains(&last.as_str()));
    path
}

/// Words, `::` and single signs; without comments, and without what stands in quotes.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut i) = (Vec::new(), 0);
    let at = |i: usize| chars.get(i).copied().unwrap_or(' ');
    while i < chars.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => i += chars[i..].iter().take_while(|c| **c != '\n').count(),
            'r' if at(i + 1) == '"' || at(i + 1) == '#' && ['"', '#'].contains(&at(i + 2)) => {
                let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
                i += 2 + hashes;
                while i < chars.len() && !(at(i) == '"' && (1..=hashes).all(|n| at(i + n) == '#')) {
                    i += 1;
                }
                i += 1 + hashes;
            }
            '"' => {
                i += 1;
                while i < chars.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            // A character; else a lifetime.
            '\'' if at(i + 1) == '\\' => i += 3 + chars[i + 3..].iter().take_while(|c| **c != '\'').count(),
            '\'' if at(i + 2) == '\'' => i += 3,
            c if c.is_alphanumeric() || c == '_' => {
                let word: String =
                    chars[i..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                i += word.chars().count();
                out.push(word);
            }
            ':' if at(i + 1) == ':' => {
                out.push("::".into());
                i += 2;
            }
            c => {
                if !c.is_whitespace() {
                    out.push(c.to_string());
                }
                i += 1;
            }
        }
    }
    out
}

/// Leaves out what is compiled for tests only; the modules among it that are files of their own.
fn without_tests(tokens: Vec<String>, names: &mut Vec<String>) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut out, mut i) = (Vec::new(), 0);
    while i < tokens.len() {
        if !tokens[i..].iter().map(String::as_str).take(mark.len()).eq(mark) {
            out.push(tokens[i].clone());
            i += 1;
            continue;
        }
        i += mark.len();
        if tokens.get(i).is_some_and(|t| t == "mod") && tokens.get(i + 2).is_some_and(|t| t == ";") {
            names.push(tokens[i + 1].clone());
        }
        let mut depth = 0;
        while let Some(token) = tokens.get(i) {
            i += 1;
            match token.as_str() {
                "{" => depth += 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    out
}

/// What a module knows, and the names that it brings in.
fn read(module: &Path, tokens: &[String], all: &BTreeSet<Path>) -> (Vec<Path>, BTreeMap<String, Path>) {
    let (mut known, mut names, mut i) = (Vec::new(), BTreeMap::new(), 0);
    while i < tokens.len() {
        // `use<'_>` in a type brings nothing in.
        if tokens[i] == "use" && tokens.get(i + 1).is_some_and(|t| is_word(t)) {
            let mut found = Vec::new();
            i = tree(tokens, i + 1, &[], &mut found);
            for (path, name) in found {
                if let Some(path) = absolute(&path, module, all) {
                    known.push(path.clone());
                    names.insert(name, path);
                }
            }
            continue;
        }
        // `pub(in super::super)` says who may see, and knows nothing.
        if tokens[i] == "pub" && tokens.get(i + 2).is_some_and(|t| t == "in") {
            i += tokens[i..].iter().position(|t| t == ")").unwrap_or(0);
        }
        let mut path = vec![tokens[i].clone()];
        while tokens.get(i + 1).is_some_and(|t| t == "::") && tokens.get(i + 2).is_some_and(|t| is_word(t)) {
            path.push(tokens[i + 2].clone());
            i += 2;
        }
        if path.len() > 1 {
            known.extend(absolute(&path, module, all));
        }
        i += 1;
    }
    (known, names)
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Reads `a::{b, c as d}` from `i` on; where it ends.
fn tree(tokens: &[String], mut i: usize, before: &[String], out: &mut Vec<(Path, String)>) -> usize {
    let mut path = before.to_vec();
    while let Some(token) = tokens.get(i) {
        match token.as_str() {
            "{" => {
                i += 1;
                while tokens.get(i).is_some_and(|t| t != "}") {
                    let next = tree(tokens, i, &path, out);
                    i = next + usize::from(tokens.get(next).is_none_or(|t| t != "}"));
                }
                return i + 1;
            }
            "as" => {
                out.push((path, tokens.get(i + 1).cloned().unwrap_or_default()));
                return i + 2;
            }
            "," | "}" | ";" => break,
            "::" => {}
            word => path.push(word.to_owned()),
        }
        i += 1;
    }
    if let Some(name) = path.last().cloned() {
        out.push((path, name));
    }
    i
}

/// A path from the crate's root; none where it leads out of the crate.
fn absolute(path: &[String], module: &Path, all: &BTreeSet<Path>) -> Option<Path> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "super" | "self" => {
            let mut base = module.clone();
            let climbs = path.iter().take_while(|p| ["super", "self"].contains(&p.as_str())).count();
            for _ in path[..climbs].iter().filter(|p| *p == "super") {
                base.pop()?;
            }
            Some([base.as_slice(), &path[climbs..]].concat())
        }
        child => {
            let inside = [module.as_slice(), &[child.to_owned()]].concat();
            all.contains(&inside).then(|| [module.as_slice(), path].concat())
        }
    }
}

/// Sets of more than one that lead to each other.
fn circles(arrows: &BTreeMap<Path, BTreeSet<Path>>) -> Vec<BTreeSet<Path>> {
    let reach = |from: &Path| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(at) = next.pop() {
            next.extend(arrows.get(at).into_iter().flatten().filter(|to| seen.insert((*to).clone())));
        }
        seen
    };
    let reached: BTreeMap<&Path, BTreeSet<Path>> = arrows.keys().map(|from| (from, reach(from))).collect();
    let mut out: BTreeSet<BTreeSet<Path>> = BTreeSet::new();
    for (from, all) in reached.iter().filter(|(from, all)| all.contains(**from)) {
        let back = |to: &&Path| reached.get(*to).is_some_and(|r| r.contains(*from));
        out.insert(all.iter().filter(back).cloned().collect());
    }
    out.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let files: Vec<(String, String)> =
            files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        Graph::of(&files).circles().into_iter().map(|c| c.into_iter().collect()).collect()
    }

    #[test]
    fn a_circle_is_found_through_uses_paths_and_re_exports() {
        let of = |a: &str, b: &str| {
            circles_of(&[
                ("src/lib.rs", "pub mod room;"),
                ("src/room/mod.rs", "mod a; mod b; pub use a::{A as First, Other}; pub use b::B;"),
                ("src/room/a.rs", a),
                ("src/room/b.rs", b),
            ])
        };
        let found = vec![vec!["src/room/a.rs".to_owned(), "src/room/b.rs".to_owned()]];
        assert_eq!(of("use crate::room::{First, B};", "use super::Other;"), found);
        assert_eq!(of("fn f() { super::b::g(); }", "use crate::room::a::{self, f};"), found);
        assert!(of("use super::B;", "").is_empty());
        assert!(
            of("use super::B;", "// use super::Other;\n#[cfg(test)] mod tests { use super::super::Other; }")
                .is_empty()
        );
        assert!(
            of(
                "use super::B;",
                "const S: &str = \"\\\" super::Other\"; const C: char = '\"'; // super::a::f()"
            )
            .is_empty()
        );
    }

    #[test]
    fn parts_of_a_module_know_its_middle_but_not_each_other_round_about() {
        let of = |x: &str, y: &str| {
            circles_of(&[("src/a.rs", "mod x; mod y; use x::X;"), ("src/a/x.rs", x), ("src/a/y.rs", y)])
        };
        assert!(of("use super::A; pub(in super::super) struct X;", "use super::x::X;").is_empty());
        assert_eq!(of("use super::y::Y;", "use super::x::X;").len(), 1);
    }
}
