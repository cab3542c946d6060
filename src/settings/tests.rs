use std::fs;

use super::*;

/// A home with a project in it, and the texts of both files.
struct Folders {
    base: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Folders {
    fn new(user: &str, project: &str) -> Self {
        let base = tempfile::tempdir().unwrap();
        let folders = Self { variables: vec![("HOME".into(), base.path().display().to_string())], base };
        for (path, text) in [(".config/minions", user), ("work", project)] {
            fs::create_dir_all(folders.base.path().join(path)).unwrap();
            if !text.is_empty() {
                fs::write(folders.base.path().join(path).join(FILE_NAME), text).unwrap();
            }
        }
        folders
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    fn load(&self) -> Result<Settings, Failure> {
        Settings::load(&self.variables.iter().cloned().collect(), &self.base.path().join("work"))
    }

    /// The complaint, without the folder before the file's name.
    fn complaint(&self) -> String {
        let text = self.load().err().unwrap().to_string();
        let base = self.base.path().canonicalize().unwrap();
        text.replace(&format!("{}/", base.display()), "")
            .replace(&format!("{}/", self.base.path().display()), "")
    }
}

fn names(settings: &Settings, alias: Option<&str>) -> (String, String) {
    let pair = settings.pair(alias).unwrap();
    (pair.local.model.to_string(), pair.remote.model.to_string())
}

fn both(local: &str, remote: &str) -> (String, String) {
    (local.to_owned(), remote.to_owned())
}

#[test]
fn the_environment_wins_over_the_project_it_over_the_user_and_it_over_what_is_built_in() {
    let built_in = both(config::LOCAL, config::REMOTE);
    assert_eq!(names(&Folders::new("", "").load().unwrap(), None), built_in);
    let user = "local = 'vllm/u'\nremote = 'anthropic/u'";
    assert_eq!(names(&Folders::new(user, "").load().unwrap(), None), both("vllm/u", "anthropic/u"));
    let folders = Folders::new(user, "remote = 'openai/p'");
    let pair = folders.load().unwrap().pair(None).unwrap();
    assert_eq!((pair.local.model.to_string(), pair.remote.model.to_string()), both("vllm/u", "openai/p"));
    assert!(pair.local.by.to_string().ends_with(".config/minions/minions.toml:1"), "{}", pair.local.by);
    assert!(pair.remote.by.to_string().ends_with("work/minions.toml:1"), "{}", pair.remote.by);
    let folders = folders.with(config::ENV_REMOTE, "groq/e").with(config::ENV_LOCAL, "l");
    assert_eq!(names(&folders.load().unwrap(), None), both("ollama/l", "groq/e"));
    let broken = Folders::new("", "").with(config::ENV_LOCAL, "opnai/x");
    let complaint = broken.load().unwrap().pair(None).unwrap_err().to_string();
    assert!(
        complaint.starts_with("`MINIONS_LOCAL` names no provider \"opnai\": did you mean openai?"),
        "{complaint}"
    );
}

#[test]
fn aliases_are_pairs_whose_open_sides_are_the_usual_ones() {
    let user =
        "pair = 'big'\n[pairs.big]\nlocal = 'ollama/b'\nremote = 'openai/b'\n[pairs.fast]\nremote = 'groq/f'";
    let settings = Folders::new(user, "[pairs.fast]\nlocal = 'vllm/f'").load().unwrap();
    assert_eq!(settings.aliases(), ["big", "fast"]);
    assert_eq!(names(&settings, None), both("ollama/b", "openai/b"));
    // A project can't have it mean something else.
    assert_eq!(names(&settings, Some("fast")), both("ollama/b", "groq/f"));
    let settings = Folders::new(user, "").load().unwrap();
    assert_eq!(names(&settings, Some("fast")), both("ollama/b", "groq/f"));
    let unknown = settings.pair(Some("fsat")).unwrap_err().to_string();
    assert_eq!(unknown, "there is no pair `fsat`. Hint: did you mean `fast`?");
    let none = Settings::default().pair(Some("x")).unwrap_err().to_string();
    assert!(none.contains("[pairs.x] with `local` and `remote`"), "{none}");
    assert_eq!(
        Folders::new("\npair = 'bigg'\n[pairs.big]\nlocal = 'm'", "").complaint(),
        ".config/minions/minions.toml:2: there is no pair `bigg`. Hint: did you mean `big`?"
    );
}

#[test]
fn each_complaint_has_file_line_and_remedy() {
    for (text, expected) in [
        ("locl = 'm'", "1: unknown key `locl`. Hint: did you mean `local`?"),
        (
            "\n\nx = 1",
            "3: unknown key `x`. Hint: known are local, remote, pair, pairs, keys, addresses, prices, budget",
        ),
        (
            "[budget]\nusd = 1\ndeadline = 5",
            "3: unknown key `deadline` in [budget]. Hint: did you mean `deadline_s`?",
        ),
        ("[pairs.a]\nworker = 'm'", "2: unknown key `worker` in [pairs.a]. Hint: known are local, remote"),
        ("[pairs.a]", "1: `pairs.a` names no model. Hint: give it `local`, `remote` or both"),
        ("local = 5", "1: `local` must be a text in quotes, not a number"),
        ("pairs = []", "1: `pairs` must be a table, not a list"),
        (
            "remote = 'opnai/gpt-4o'",
            "1: `remote` names no provider \"opnai\": did you mean openai? A model of Ollama is ollama/opnai/gpt-4o",
        ),
        (
            "[keys]\nopenai = 'sk-proj-0123456789abcdef'",
            "2: `keys.openai` is not the name of a variable in capitals. Hint: keep the key itself out of files: `export \
             OPENAI_API_KEY=...`, and write that name here",
        ),
        (
            "[keys]\nopnai = 'A'",
            "2: `keys.opnai` is no client type that calls a server. Hint: did you mean `openai`?",
        ),
        (
            "[addresses]\nllama_cpp = 'h'",
            "2: `addresses.llama_cpp` is no client type that calls a server. Hint: `minions providers` lists them",
        ),
        ("[addresses]\nvllm = 'h:port'", "2: `addresses.vllm` must be an http or https address"),
        (
            "[prices.'openai/x']\ninput = 1",
            "1: `prices.openai/x` lacks `input` or `output`, in dollars for a million tokens. Hint: [prices.\"openai/x\"] with \
             `input = ...` and `output = ...`",
        ),
        (
            "[prices]\n'openai/x' = {input = -1, output = 2}",
            "2: `prices.openai/x.input` must be dollars for a million tokens, 0 or more",
        ),
        ("[budget]\nremote_tokens = 0", "2: `budget.remote_tokens` must be at least 1, not 0"),
        ("[budget]\nusd = 'much'", "2: `budget.usd` must be a number, not a text"),
        ("[budget]\nusd = inf", "2: `budget.usd` is too large, or no number"),
        ("[budget]\nremote_tokens = 1_000.5", "2: `budget.remote_tokens` must be a whole"),
        ("local = 'a'\nlocal = 'b'", "2: it is not TOML: duplicate key"),
        ("local = a", "1: it is not TOML: "),
        ("a\nb\n", "1: it is not TOML: "),
    ] {
        let complaint = Folders::new(text, "").complaint();
        assert!(
            complaint.starts_with(&format!(".config/minions/minions.toml:{expected}")),
            "{text}: {complaint}"
        );
    }
    let folders = Folders::new("", "x");
    fs::remove_file(folders.base.path().join("work/minions.toml")).unwrap();
    fs::create_dir(folders.base.path().join("work/minions.toml")).unwrap();
    assert!(
        folders.complaint().contains("work/minions.toml can't be read: it is a folder"),
        "{}",
        folders.complaint()
    );
    fs::remove_dir(folders.base.path().join("work/minions.toml")).unwrap();
    fs::write(folders.base.path().join("work/minions.toml"), b"local = '\xff'").unwrap();
    assert!(folders.complaint().contains("is not UTF-8 text"), "{}", folders.complaint());
}

#[test]
fn a_projects_file_leads_neither_keys_nor_documents_elsewhere_and_spends_no_more() {
    for (text, expected) in [
        ("[addresses]\nopenai = 'https://evil.example'", "1: `addresses` can't stand in a project's file"),
        ("[addresses]", "1: `addresses` can't stand in a project's file"),
        (
            "[keys]\nopenai = 'AWS_SECRET_ACCESS_KEY'",
            "2: `keys.openai` can't be AWS_SECRET_ACCESS_KEY in a project's file",
        ),
        ("[keys]\nopenrouter = 'OPENAI_API_KEY'", "2: `keys.openrouter` can't be OPENAI_API_KEY"),
        ("[keys]\nollama = 'DEPLOY_TOKEN'", "2: `keys.ollama` can't be DEPLOY_TOKEN"),
        (
            "local = 'openai/gpt-4o'",
            "1: `local` can't be `openai/gpt-4o` in a project's file: the documents would leave",
        ),
        ("local = 'gpt-oss:120b-cloud'", "1: `local` can't be `ollama/gpt-oss:120b-cloud` in"),
        ("[pairs.a]\nlocal = 'groq'", "2: `pairs.a.local` can't be `groq/"),
        ("[prices.'openai/x']\ninput = 1\noutput = 3", "1: a project's file, which"),
        ("[prices.'openai/o99-pro']\ninput = 0\noutput = 0", "1: a project's file, which"),
        ("[prices.'openai/x']\ninput = 2\noutput = 3\ncached_input = 0", "1: a project's file, which"),
    ] {
        let folders = Folders::new("[prices.'openai/x']\ninput = 2\noutput = 3", text);
        let complaint = folders.complaint();
        assert!(complaint.starts_with(&format!("work/minions.toml:{expected}")), "{text}: {complaint}");
        let remedy = complaint.split("Hint: ").nth(1).unwrap_or_default();
        assert!(remedy.contains("your own settings file"), "{text}: {complaint}");
        // The user's own may do all of it.
        assert!(Folders::new(text, "").load().is_ok(), "{text}");
    }
    let allowed = "remote = 'openai/gpt-4o'\nlocal = 'vllm/m'\n[keys]\nopenai = 'ACME_OPENAI_API_KEY'\n\
                   [prices.'openai/x']\ninput = 2.5\noutput = 3";
    let settings = Folders::new("[prices.'openai/x']\ninput = 2\noutput = 3", allowed).load().unwrap();
    assert_eq!(settings.prices(&ModelId::parse("m", "openai/x").unwrap()).unwrap().prices.input, 2.5);
    let user = "[budget]\nusd = 0.5\nremote_tokens = 1000";
    let settings =
        Folders::new(user, "[budget]\nusd = 100\nremote_tokens = 10\negress_bytes = 7").load().unwrap();
    assert_eq!(
        Value::Object(settings.budget()),
        serde_json::json!({"usd": 0.5, "remote_tokens": 10, "egress_bytes": 7})
    );
}

#[test]
fn keys_are_read_from_the_named_variable_alone() {
    let openai = ModelId::parse("m", "openai").unwrap().provider;
    let file = "remote = 'openai/m'\n[keys]\nopenai = 'WORK_KEY'\nanthropic = 'WORK_KEY'";
    let folders =
        Folders::new(file, "").with("OPENAI_API_KEY", "sk-private").with("ANTHROPIC_AUTH_TOKEN", "t");
    let settings = folders.load().unwrap();
    assert_eq!(settings.environment().key(openai), Some(("WORK_KEY", KeyState::Missing)));
    let failure = settings.check_keys(&settings.pair(None).unwrap()).unwrap_err().to_string();
    assert!(failure.starts_with("WORK_KEY, which ") && failure.contains("minions.toml:3 names"), "{failure}");
    assert!(failure.contains("Hint: export WORK_KEY=..."), "{failure}");
    let settings = folders.with("WORK_KEY", "sk-of-work").load().unwrap();
    assert_eq!(settings.environment().key(openai), Some(("WORK_KEY", KeyState::Set)));
    assert!(settings.check_keys(&settings.pair(None).unwrap()).is_ok());
    assert!(settings.environment().credentials().any(|secret| secret == "sk-of-work"));
}

#[test]
fn addresses_count_where_the_environment_has_none() {
    let file = "[addresses]\nollama = 'gpu-1'\nazure_openai = 'https://r.openai.azure.com'\nopenai = 'https://proxy.example/v1'";
    let settings = Folders::new(file, "").load().unwrap();
    let environment = settings.environment();
    assert_eq!(environment.get("OLLAMA_HOST"), Some("gpu-1"));
    assert_eq!(environment.get("AZURE_OPENAI_ENDPOINT"), Some("https://r.openai.azure.com"));
    // The vendor's list is not that of a proxy.
    assert_eq!(settings.prices(&ModelId::parse("m", "openai/gpt-4o").unwrap()), None);
    let set = Folders::new(file, "").with("OLLAMA_BASE_URL", "here").load().unwrap().environment();
    assert_eq!((set.get("OLLAMA_HOST"), set.get("OLLAMA_BASE_URL")), (None, Some("here")));
}

#[test]
fn prices_are_the_files_or_the_dated_tables_and_never_guessed() {
    let price = |settings: &Settings, model: &str| settings.prices(&ModelId::parse("m", model).unwrap());
    let settings = Folders::new("[prices.'openai/own']\ninput = 1\ncached_input = 0.5\noutput = 1e1", "")
        .load()
        .unwrap();
    let own = price(&settings, "openai/own").unwrap();
    assert_eq!(own.prices, Prices { input: 1.0, cached_input: 0.5, output: 10.0 });
    assert!(own.source.ends_with("minions.toml:1"), "{}", own.source);
    let listed = price(&settings, "anthropic/claude-sonnet-5-5").unwrap();
    assert!(listed.source.contains("https://") && listed.source.contains("read on 20"), "{}", listed.source);
    assert_eq!(price(&settings, "anthropic/claude-sonnet-5-5-2099"), None);
    assert_eq!(price(&settings, "ollama/llama3.2").unwrap().prices.output, 0.0);
    assert_eq!(price(&settings, "ollama/gpt-oss:120b-cloud"), None);
    let limited = Folders::new("remote = 'openai/of-tomorrow'\n[budget]\nusd = 1", "").load().unwrap();
    let complaint = limited.check_keys(&limited.pair(None).unwrap()).unwrap_err().to_string();
    assert!(
        complaint
            .contains("limits dollars, and nobody says what openai/of-tomorrow costs. Hint: add [prices."),
        "{complaint}"
    );
    let local = Folders::new("remote = 'ollama/big'\n[budget]\nusd = 1", "").load().unwrap();
    assert!(local.check_keys(&local.pair(None).unwrap()).is_ok());
}

#[test]
fn a_models_file_is_looked_for_from_the_settings_file() {
    let folders =
        Folders::new("local = 'llama_cpp/~/m.gguf'", "[pairs.own]\nlocal = 'llama_cpp/models/m.gguf'");
    let settings = folders.load().unwrap();
    let base = folders.base.path();
    let of = |alias| names(&settings, alias).0;
    assert_eq!(of(None), format!("llama_cpp/{}", base.join("m.gguf").display()));
    let project = base.canonicalize().unwrap().join("work/models/m.gguf");
    assert_eq!(of(Some("own")), format!("llama_cpp/{}", project.display()));
}

#[test]
fn a_file_is_read_once_and_a_strangers_is_not() {
    let folders = Folders::new("local = 'vllm/m'", "");
    let environment: Environment = folders.variables.iter().cloned().collect();
    let dir = folders.base.path().join(".config/minions");
    let (settings, files) = Settings::look(&environment, &dir);
    assert_eq!((files.len(), files[0].whose), (1, Whose::User));
    assert_eq!(names(&settings, None).0, "vllm/m");
    // Only root may give a file away.
    let folders = Folders::new("", "local = 'vllm/m'");
    let file = folders.base.path().join("work").join(FILE_NAME);
    if nix::unistd::geteuid().is_root() && std::os::unix::fs::chown(&file, Some(12_345), None).is_ok() {
        let settings = folders.load().unwrap();
        assert_eq!(names(&settings, None).0, config::LOCAL);
        assert!(
            settings.warnings()[0].words.contains("belongs to another user (number 12345)"),
            "{:?}",
            settings.warnings()
        );
    }
}

#[test]
fn the_file_of_the_page_can_be_used() {
    let page = include_str!("../../docs/settings.md");
    let file = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let settings = Folders::new(file, "").load().unwrap();
    assert_eq!(names(&settings, None), both("ollama/llama3.2:3b", "anthropic/claude-sonnet-5-5"));
    assert_eq!(names(&settings, Some("fast")), both("ollama/llama3.2:3b", "groq/openai/gpt-oss-120b"));
    assert!(names(&settings, Some("offline")).0.ends_with("/models/qwen3-4b.gguf"));
    assert_eq!(settings.budget().len(), 5);
}

#[test]
fn a_pair_of_yours_holds_against_one_of_a_project() {
    let user = "[pairs.offline]\nlocal = 'llama3.2'\nremote = 'ollama/big'";
    let project = "pair = 'offline'\n[pairs.offline]\nremote = 'openai/gpt-4o'\n[pairs.other]\nremote = 'openai/gpt-4o'";
    let settings = Folders::new(user, project).load().unwrap();
    let remote = |alias| settings.pair(alias).unwrap().remote.model.to_string();
    assert_eq!(
        [remote(None), remote(Some("offline")), remote(Some("other"))],
        ["ollama/big", "ollama/big", "openai/gpt-4o"]
    );
    assert_eq!(settings.warnings().len(), 1);
    assert!(settings.warnings()[0].words.contains("[pairs.offline]"), "{:?}", settings.warnings());
}
