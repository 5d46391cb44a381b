//! What a program that assize starts may know of the environment: the variables it needs, by name. Keys are in the others.

use std::process::Command;

/// What every program needs: where things are, whose they are, the language, the terminal, the session's helpers.
const EVERY: [&str; 30] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "TMPDIR",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "TERMINFO",
    "TERMINFO_DIRS",
    "COLORTERM",
    "NO_COLOR",
    "COLUMNS",
    "LINES",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "SSH_TTY",
    "GPG_TTY",
    "GNUPGHOME",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "NIX_PROFILES",
    "NIX_SSL_CERT_FILE",
    "__CF_USER_TEXT_ENCODING",
];

/// The same for whole families.
const FAMILIES: [&str; 2] = ["LC_", "XDG_"];

/// What git needs besides, to read a repository that is here.
pub const GIT: &[&str] = &[
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
];

/// What editors need besides: their own settings, and those of the terminal they run in. Ends in `_`: a family.
#[cfg_attr(not(feature = "tui"), expect(dead_code, reason = "the screens alone start an editor"))]
pub const EDITOR: &[&str] = &[
    "VISUAL",
    "EDITOR",
    "ALTERNATE_EDITOR",
    "VIMINIT",
    "VIM",
    "VIMRUNTIME",
    "MYVIMRC",
    "NVIM_",
    "EMACS_",
    "EMACSLOADPATH",
    "HELIX_",
    "KAKOUNE_",
    "MICRO_",
    "VSCODE_",
    "TERM_",
    "KITTY_",
    "WEZTERM_",
    "ALACRITTY_",
    "ITERM_",
    "TMUX",
    "TMUX_",
    "STY",
    "PYTHONPATH",
    "NODE_PATH",
    "JAVA_HOME",
];

/// Leaves a program that is about to be started only the variables it needs; `more` as in [`gets`].
pub fn restrict(command: &mut Command, more: &[impl AsRef<str>]) {
    let kept = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|name| gets(name, more)));
    command.env_clear().envs(kept);
}

/// Whether a program gets the variable of this name. `more` are names that it needs besides; one that ends in `_` stands
/// for all that begin with it.
pub fn gets(name: &str, more: &[impl AsRef<str>]) -> bool {
    let fits = |wanted: &str| name == wanted || (wanted.ends_with('_') && name.starts_with(wanted));
    EVERY.contains(&name)
        || FAMILIES.iter().any(|family| fits(family))
        || more.iter().any(|wanted| fits(wanted.as_ref()))
}

/// What a shell command needs besides: variables that it names (`$VAULT_TOKEN`, `printenv LLM_KEY`), and the families of the programs it calls
/// (`op` has `OP_...`, `vault` has `VAULT_...`).
pub fn of_command(command: &str) -> Vec<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = || command.split(|c: char| !(word(c) || c == '-')).filter(|word| !word.is_empty());
    let named = words().map(str::to_owned);
    let families = words().map(|program| match program {
        "pass" | "gopass" => "PASSWORD_STORE_".to_owned(),
        "gcloud" => "CLOUDSDK_".to_owned(),
        "az" => "AZURE_".to_owned(),
        other => format!("{}_", other.replace('-', "_").to_ascii_uppercase()),
    });
    named.chain(families).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gets_what_it_needs_and_no_key() {
        let none: &[&str] = &[];
        for name in ["PATH", "HOME", "LC_ALL", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK"] {
            assert!(gets(name, none), "{name}");
        }
        for name in
            ["OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "HTTP_PROXY", "ASSIZE_REGISTRY", "PATHS", "LC"]
        {
            assert!(!gets(name, none) && !gets(name, GIT) && !gets(name, EDITOR), "{name}");
        }
        assert!(gets("NVIM_APPNAME", EDITOR) && !gets("NVIM_APPNAME", GIT) && gets("TMUX", EDITOR));
    }

    #[test]
    fn a_command_gets_what_it_names_and_its_programs_families() {
        let more = of_command(
            "vault kv get -field=key secret/llm | tr -d \"${CUT}\" && op read $WHERE; printenv NAMED",
        );
        for name in ["VAULT_TOKEN", "VAULT_ADDR", "OP_SESSION_x", "CUT", "WHERE", "NAMED"] {
            assert!(gets(name, &more), "{name}");
        }
        for name in ["OPENAI_API_KEY", "VAULTED", "WHEREVER", "AWS_PROFILE"] {
            assert!(!gets(name, &more), "{name}");
        }
        assert!(gets("PASSWORD_STORE_DIR", &of_command("pass show llm")));
    }
}
