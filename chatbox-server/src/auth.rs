//! Who may come in: the operator by a token in a file, integrators by tokens of the API, the owner by a one-time code, a
//! connector by its own token.

use chatbox_core::admit::hash;
use chatbox_core::id::{AccountId, ExternalId, MailboxId, Millis, code, fresh};
use chatbox_core::secret::Secret;
use chatbox_core::store::{Admin, Step, Store, StoreError, Token};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use utoipa::ToSchema;

/// How long a login code works.
pub const CODE_LIFE: Duration = Duration::from_secs(10 * 60);
/// How many wrong codes end every code.
const WRONG_CODES: u32 = 20;
/// How long a login lasts.
const LOGIN_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long a socket's ticket works.
const TICKET_LIFE: Duration = Duration::from_secs(30);
/// How many tickets wait at most.
const TICKETS: usize = 10_000;
/// The one person a fresh server knows.
pub const OWNER: &str = "owner";
/// How tokens of the API begin.
const API: &str = "cbx";
/// The findable part of the owner's key: there is one.
const OWNERS_KEY: &str = "cbx_owner";

/// What a token of the API may do; each also what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at everything.
    Read,
    /// Act: send again, forget, ask a platform.
    Write,
    /// Decide: connections, who may talk, tokens.
    Admin,
}

impl Scope {
    /// The names, as rows and documents have them.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The highest of a token's row, which alone says it.
    pub fn of(token: &Token) -> Option<Self> {
        let highest = [Self::Admin, Self::Write, Self::Read].into_iter();
        let mut highest =
            highest.filter(|scope| token.scopes.iter().any(|it| it == scope.as_str()));
        highest.next()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a token is worth at the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// Nobody issued it, or not for the API.
    Nobody,
    /// It was taken back.
    Revoked,
    /// Its time is over.
    Expired,
    /// It is valid.
    Has(Caller),
}

/// Who asks, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant in which they ask.
    pub account: AccountId,
    /// Who they are, for people.
    pub name: String,
    /// The findable part of their token, where it is one of the API.
    pub token: Option<String>,
    /// What they may do there.
    pub scope: Scope,
    /// Whether they run this server, and may do what concerns no single account.
    pub is_operator: bool,
}

/// The account that a fresh server has.
pub const HOME: &str = "main";

/// A token as made.
#[derive(Debug)]
pub struct Made {
    /// Its findable part.
    pub prefix: String,
    /// The whole, which is kept nowhere.
    pub whole: Secret,
}

/// Codes and tickets, which live in memory, and tokens, which live as hashes in the store.
#[derive(Debug)]
pub struct Auth {
    store: Arc<dyn Store>,
    operator: Secret,
    codes: Mutex<Codes>,
    tickets: Mutex<HashMap<String, (ExternalId, Instant)>>,
}

#[derive(Debug, Default)]
struct Codes {
    until: HashMap<String, Instant>,
    wrong: u32,
}

impl Auth {
    /// With the operator's token.
    pub fn new(store: Arc<dyn Store>, operator: Secret) -> Self {
        Self {
            store,
            operator,
            codes: Mutex::default(),
            tickets: Mutex::default(),
        }
    }

    /// Whether this is the operator's token.
    pub fn is_operator(&self, bearer: &Secret) -> bool {
        !self.operator.is_empty() && *bearer == self.operator
    }

    /// A fresh one-time login code.
    pub fn new_code(&self) -> String {
        let code = code(8);
        let mut codes = locked(&self.codes);
        codes.until.retain(|_, until| *until > Instant::now());
        codes.wrong = 0;
        codes.until.insert(hash(&code), Instant::now() + CODE_LIFE);
        code
    }

    /// Spends a login code.
    pub fn spend_code(&self, code: &str) -> bool {
        let mut codes = locked(&self.codes);
        let given = code.trim().replace('-', "").to_ascii_lowercase();
        match codes.until.remove(&hash(&given)) {
            Some(until) => until > Instant::now(),
            None => {
                codes.wrong += 1;
                if codes.wrong >= WRONG_CODES {
                    codes.until.clear();
                }
                false
            }
        }
    }

    /// A login for the owner: what the browser keeps.
    ///
    /// # Errors
    /// The store.
    pub async fn log_in(&self) -> Result<Secret, StoreError> {
        self.issue("login", OWNER, "chat", Some(LOGIN_LIFE)).await
    }

    /// A token: the whole is returned once and only its hash kept.
    ///
    /// # Errors
    /// The store.
    pub async fn issue(
        &self,
        prefix: &str,
        principal: &str,
        scope: &str,
        life: Option<Duration>,
    ) -> Result<Secret, StoreError> {
        let (made, token) = draft(&HOME.into(), fresh(prefix), principal, scope, life);
        self.put(token).await?;
        Ok(made.whole)
    }

    async fn put(&self, token: Token) -> Result<(), StoreError> {
        let put = Step::Admin(Box::new(Admin::PutToken(token)));
        self.store.commit(vec![put]).await.map(drop)
    }

    /// A token's row, if this is that token.
    async fn found(&self, whole: &Secret) -> Result<Option<Token>, StoreError> {
        let Some((prefix, _)) = whole.expose().split_once('.') else {
            return Ok(None);
        };
        let token = self.store.token(prefix).await?;
        let fits = |token: &Token| Secret::new(hash(whole.expose())) == Secret::new(&*token.hash);
        Ok(token.filter(fits))
    }

    /// What this token is worth at the API. The row is read anew for every request, so that what is taken back is
    /// refused at once.
    ///
    /// # Errors
    /// The store.
    pub async fn pass(&self, whole: &Secret) -> Result<Pass, StoreError> {
        if self.is_operator(whole) {
            return Ok(Pass::Has(Caller {
                account: HOME.into(),
                name: "operator".to_owned(),
                token: None,
                scope: Scope::Admin,
                is_operator: true,
            }));
        }
        let token = self.found(whole).await?;
        let Some(token) = token.filter(|token| is_api(&token.prefix)) else {
            return Ok(Pass::Nobody);
        };
        Ok(match Scope::of(&token) {
            None => Pass::Revoked,
            Some(_) if token.until.is_some_and(|until| until <= now()) => Pass::Expired,
            Some(scope) => Pass::Has(Caller {
                account: token.account,
                name: token.principal,
                token: Some(token.prefix),
                scope,
                is_operator: false,
            }),
        })
    }

    /// The owner's key to the API; `None` where it was made before.
    ///
    /// # Errors
    /// The store.
    pub async fn bootstrap(&self) -> Result<Option<Made>, StoreError> {
        if self.store.token(OWNERS_KEY).await?.is_some() {
            return Ok(None);
        }
        let (prefix, scope) = (OWNERS_KEY.to_owned(), Scope::Admin.as_str());
        let (made, token) = draft(&HOME.into(), prefix, OWNER, scope, None);
        self.put(token).await?;
        Ok(Some(made))
    }

    /// Every token of the API in an account.
    ///
    /// # Errors
    /// The store.
    pub async fn tokens(&self, account: &AccountId) -> Result<Vec<Token>, StoreError> {
        let mut tokens = self.store.tokens(&format!("{API}_")).await?;
        tokens.retain(|token| token.account == *account);
        tokens.sort_by(|a, b| a.principal.cmp(&b.principal));
        Ok(tokens)
    }

    /// Takes a token of the API back: its row stays, and allows nothing. Says whether there was one.
    ///
    /// # Errors
    /// The store.
    pub async fn revoke(&self, account: &AccountId, prefix: &str) -> Result<bool, StoreError> {
        let token = self.store.token(prefix).await?;
        let theirs = |token: &Token| is_api(&token.prefix) && token.account == *account;
        let Some(mut token) = token.filter(theirs) else {
            return Ok(false);
        };
        token.scopes.clear();
        token.until = Some(now());
        self.put(token).await?;
        Ok(true)
    }

    /// Whose token this is, if it is valid and allows `scope`.
    ///
    /// # Errors
    /// The store.
    pub async fn principal(
        &self,
        whole: &Secret,
        scope: &str,
    ) -> Result<Option<String>, StoreError> {
        let lives = |token: &Token| token.until.is_none_or(|until| until > now());
        let allows = |token: &Token| token.scopes.iter().any(|allowed| allowed == scope);
        let token = self.found(whole).await?;
        let token = token.filter(|token| lives(token) && allows(token));
        Ok(token.map(|token| token.principal))
    }

    /// Whether the token with this hash is still the one of a mailbox's agent.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn is_agents(
        &self,
        mailbox: &MailboxId,
        hash: &str,
    ) -> Result<bool, StoreError> {
        let token = self.store.token(&crate::mcp::prefix(mailbox)).await?;
        Ok(token.is_some_and(|token| token.hash == hash && !token.scopes.is_empty()))
    }

    /// A one-use ticket for a socket.
    pub fn new_ticket(&self, visitor: ExternalId) -> Option<String> {
        let mut tickets = locked(&self.tickets);
        if tickets.len() >= TICKETS {
            tickets.retain(|_, (_, until)| *until > Instant::now());
        }
        (tickets.len() < TICKETS).then(|| {
            let ticket = fresh("ticket");
            tickets.insert(ticket.clone(), (visitor, Instant::now() + TICKET_LIFE));
            ticket
        })
    }

    /// Spends a socket's ticket.
    pub fn spend_ticket(&self, ticket: &str) -> Option<ExternalId> {
        let (visitor, until) = locked(&self.tickets).remove(ticket)?;
        (until > Instant::now()).then_some(visitor)
    }
}

/// A token of the API that is not kept yet.
pub fn draft_api(
    account: &AccountId,
    name: &str,
    scope: Scope,
    life: Option<Duration>,
) -> (Made, Token) {
    draft(account, fresh(API), name, scope.as_str(), life)
}

/// A token that is not kept yet. Where its findable part is known beforehand, it takes the place of the token that has it.
pub fn draft(
    account: &AccountId,
    prefix: String,
    principal: &str,
    scope: &str,
    life: Option<Duration>,
) -> (Made, Token) {
    let whole = format!("{prefix}.{}", code(32));
    let after = |life: Duration| i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
    let token = Token {
        prefix: prefix.clone(),
        hash: hash(&whole),
        account: account.clone(),
        principal: principal.to_owned(),
        scopes: vec![scope.to_owned()],
        until: life.map(|life| Millis(now().0.saturating_add(after(life)))),
    };
    let whole = Secret::new(whole);
    (Made { prefix, whole }, token)
}

fn is_api(prefix: &str) -> bool {
    prefix
        .strip_prefix(API)
        .is_some_and(|rest| rest.starts_with('_'))
}

fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
