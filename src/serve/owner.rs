//! Who asks: tokens, and the throttle of guesses.
//!
//! In: the file of tokens, the address of a client. Out: an owner, or a refusal. Tokens are compared by their SHA-256, each
//! with all, so that the time tells nothing.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use ring::digest::{SHA256, digest};

use super::error::ApiError;
use crate::chat::secrets::Redactor;
use crate::error::Failure;
use crate::files;
use crate::sync::lock;

/// The name of the owner where no token is asked for.
const LOCAL: &str = "local";
/// The name of a token whose line has none.
const UNNAMED: &str = "default";
/// A token has as many characters, at least.
const SHORTEST: usize = 16;
/// The most bytes of the file of tokens.
const LONGEST: usize = 1 << 20;
/// Wrong tokens that an address may send at once.
const GUESSES: f64 = 10.0;
/// How long it takes until it may send another.
const PER_GUESS: Duration = Duration::from_secs(6);
/// Addresses that are remembered.
const ADDRESSES: usize = 10_000;

/// Who asks. Runs and files belong to one, and no other sees them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Owner(Arc<str>);

impl Owner {
    /// The owner of a token of this name.
    fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// The token's name.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Whether no token is asked for.
    pub(crate) fn is_local(&self) -> bool {
        &*self.0 == LOCAL
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A token by its hash.
struct Token {
    hash: [u8; 32],
    owner: Owner,
}

/// The tokens that are asked for; none where everybody on this machine may ask.
pub(crate) struct Tokens {
    tokens: Vec<Token>,
    guesses: Mutex<HashMap<IpAddr, (f64, Instant)>>,
}

impl Tokens {
    /// No token is asked for.
    pub(crate) fn none() -> Self {
        Self { tokens: Vec::new(), guesses: Mutex::default() }
    }

    /// Those of a file: a line each, `NAME TOKEN` or a token alone; `#` begins a comment.
    ///
    /// # Errors
    /// A file that can't be read, a token that is short or given twice.
    pub(crate) fn read(path: &Path, redactor: &Redactor) -> Result<Self, Failure> {
        let place = path.display();
        let hint = "a line is `NAME TOKEN`; `openssl rand -hex 32` makes a token";
        let text = files::read(path, LONGEST)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned()))
            .map_err(|problem| Failure::input(format!("--token-file {place} {problem}")).hint(hint))?;
        let mut all = Self::none();
        for (line, text) in text.lines().enumerate() {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let bad = |problem: &str| Failure::input(format!("{place}:{}: {problem}", line + 1)).hint(hint);
            let words: Vec<&str> = text.split_whitespace().collect();
            let (name, token) = match words[..] {
                [token] => (UNNAMED, token),
                [name, token] => (name.trim_end_matches([':', '=']), token),
                _ => return Err(bad("has more than two words")),
            };
            let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(is_name) {
                return Err(bad("the name of a token has letters, digits, - and _ alone"));
            }
            if token.len() < SHORTEST || !token.is_ascii() {
                return Err(bad(&format!("a token needs {SHORTEST} characters of ASCII at least")));
            }
            if name == LOCAL {
                return Err(bad("`local` is the owner where no token is asked for: take another name"));
            }
            let hash = hash(token);
            if all.tokens.iter().any(|known| known.hash == hash || known.owner.name() == name) {
                return Err(bad("is the second token of that name, or the same token once more"));
            }
            redactor.learn(token);
            all.tokens.push(Token { hash, owner: Owner::named(name) });
        }
        if all.tokens.is_empty() {
            return Err(Failure::input(format!("--token-file {place} holds no token")).hint(hint));
        }
        Ok(all)
    }

    /// One token that was made here.
    pub(crate) fn of_one(token: &str, redactor: &Redactor) -> Self {
        redactor.learn(token);
        let token = Token { hash: hash(token), owner: Owner::named(UNNAMED) };
        Self { tokens: vec![token], guesses: Mutex::default() }
    }

    /// Whether a token is asked for.
    pub(crate) fn are_asked_for(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// The names of all tokens.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|token| token.owner.name())
    }

    /// Who sends `token` from `address`.
    ///
    /// # Errors
    /// 401 without a token or with a wrong one; 429 for an address that has sent many wrong ones.
    pub(crate) fn owner(&self, token: Option<&str>, address: IpAddr) -> Result<Owner, ApiError> {
        if !self.are_asked_for() {
            return Ok(Owner::named(LOCAL));
        }
        let hint =
            "send it as `Authorization: Bearer TOKEN`; the page takes it behind #token= in its address";
        let refused = |message: &str, code| {
            ApiError::new(StatusCode::UNAUTHORIZED, message).code(code).param("Authorization").hint(hint)
        };
        let Some(token) = token else {
            return Err(refused("a token is asked for here", "missing_token"));
        };
        self.throttled(address)?;
        let given = hash(token);
        let mut found = None;
        for known in &self.tokens {
            let differs = known.hash.iter().zip(&given).fold(0, |all, (a, b)| all | (a ^ b));
            if std::hint::black_box(differs) == 0 {
                found = Some(&known.owner);
            }
        }
        match found {
            Some(owner) => Ok(owner.clone()),
            None => {
                self.count_guess(address);
                Err(refused("this is no token of this service", "invalid_token"))
            }
        }
    }

    /// Refuses an address that has sent too many wrong tokens, whatever it sends now: else it could go on guessing.
    fn throttled(&self, address: IpAddr) -> Result<(), ApiError> {
        let guesses = lock(&self.guesses);
        let Some((count, since)) = guesses.get(&address) else { return Ok(()) };
        if left(*count, *since) + 1.0 <= GUESSES {
            return Ok(());
        }
        Err(ApiError::too_many("too many wrong tokens came from this address", PER_GUESS.as_secs())
            .code("too_many_guesses"))
    }

    fn count_guess(&self, address: IpAddr) {
        let mut guesses = lock(&self.guesses);
        if guesses.len() >= ADDRESSES {
            guesses.retain(|_, (count, since)| left(*count, *since) > 0.0);
            if guesses.len() >= ADDRESSES {
                guesses.clear();
            }
        }
        let (count, since) = guesses.entry(address).or_insert((0.0, Instant::now()));
        *count = left(*count, *since) + 1.0;
        *since = Instant::now();
    }
}

/// What is left of so many guesses after a while.
fn left(count: f64, since: Instant) -> f64 {
    (count - since.elapsed().as_secs_f64() / PER_GUESS.as_secs_f64()).max(0.0)
}

fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// Random bytes as hexadecimal digits: a token or an id that nobody guesses.
pub(crate) fn random_hex(bytes: usize) -> Result<String, Failure> {
    use ring::rand::SecureRandom;
    let mut random = vec![0; bytes];
    ring::rand::SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| Failure::system("this machine gives no random numbers"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
