//! Who may come in: the operator by a token in a file, the owner by a one-time code, a connector by its own token.

use chatbox_core::admit::hash;
use chatbox_core::id::{ExternalId, Millis, code, fresh};
use chatbox_core::secret::Secret;
use chatbox_core::store::{Admin, Store, StoreError, Token};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

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
        self.replace(fresh(prefix), principal, scope, life).await
    }

    /// As [`Auth::issue`], with a findable part that is known beforehand: a token that has it is valid no longer.
    ///
    /// # Errors
    /// The store.
    pub async fn replace(
        &self,
        prefix: String,
        principal: &str,
        scope: &str,
        life: Option<Duration>,
    ) -> Result<Secret, StoreError> {
        let whole = format!("{prefix}.{}", code(32));
        let token = Token {
            prefix,
            hash: hash(&whole),
            principal: principal.to_owned(),
            scopes: vec![scope.to_owned()],
            until: life
                .map(|life| Millis(now().0 + i64::try_from(life.as_millis()).unwrap_or(i64::MAX))),
        };
        let put = chatbox_core::store::Step::Admin(Box::new(Admin::PutToken(token)));
        self.store.commit(vec![put]).await?;
        Ok(Secret::new(whole))
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
        let Some((prefix, _)) = whole.expose().split_once('.') else {
            return Ok(None);
        };
        let Some(token) = self.store.token(prefix).await? else {
            return Ok(None);
        };
        let fits = Secret::new(hash(whole.expose())) == Secret::new(token.hash);
        let lives = token.until.is_none_or(|until| until > now());
        let allowed = token.scopes.iter().any(|allowed| allowed == scope);
        Ok((fits && lives && allowed).then_some(token.principal))
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

fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
