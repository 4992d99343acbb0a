//! The stage, and how one message is steered into a state from outside: the model holds its answer, the platform
//! refuses or holds a send, a request is cut short. No door in the program is used for it.

use super::ledger::Ledger;
use crate::server::{Feed, Place, Server, message};
use crate::web::{self, Login};
use anyhow::{Context, Result};
use chatbox_fakes::model::{self, Script};
use chatbox_fakes::telegram::{self, Fault, Person, Planned, Share};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long a steered state may take to come.
const SOON: Duration = Duration::from_secs(20);
const TOKEN: &str = "7000001:TEST-token";

/// What a kill aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    BeforeAppend,
    Appended,
    InTurn,
    Planned,
    Custody,
    Anywhere,
}

impl Aim {
    pub(crate) const ALL: [Self; 6] = [
        Self::BeforeAppend,
        Self::Appended,
        Self::InTurn,
        Self::Planned,
        Self::Custody,
        Self::Anywhere,
    ];
}

/// Everything around the program.
pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) model: model::Server,
    pub(crate) telegram: telegram::Server,
    pub(crate) feed: Feed,
    pub(crate) login: Login,
    /// Probes that were posted; they are asked for again until they are taken, as a connector would.
    posted: Mutex<Vec<(String, Value)>>,
    turn: AtomicUsize,
}

impl Stage {
    /// People who talk all the time.
    pub(crate) const TALKERS: [i64; 3] = [41, 42, 43];
    /// People who say what is steered.
    const PROBERS: [i64; 4] = [91, 92, 93, 94];

    /// Makes everything ready: a feed, a login, a bot, and people who may talk to it.
    pub(crate) async fn set(
        place: Place,
        model: model::Server,
        telegram: telegram::Server,
    ) -> Result<Self> {
        let server = place.start().await?;
        let feed = server.add_feed("alpha").await?;
        let login = web::log_in(&server).await?;
        let bot = json!({
            "platform": "telegram",
            "secrets": {"token": TOKEN},
            "settings": {"api_base": telegram.base_url()},
        });
        let added = server.operate("POST", "/v1/connections", Some(bot)).await?;
        let code = added["pairing_code"].as_str().context("a pairing code")?;
        let mut people = Self::TALKERS.into_iter().chain(Self::PROBERS);
        let owner = people.next().context("an owner")?;
        telegram.person(Person::new(owner, "Owner"));
        telegram.say(owner, owner, &format!("/start {code}"));
        wait("the owner is greeted", || async {
            !telegram.messages_in(owner).is_empty()
        })
        .await?;
        for person in people {
            telegram.person(Person::new(person, "Guest"));
            telegram.say(person, person, "may I?");
            approve(&server).await?;
        }
        server.stop().await?;
        let (posted, turn) = (Mutex::default(), AtomicUsize::new(0));
        Ok(Self {
            place,
            model,
            telegram,
            feed,
            login,
            posted,
            turn,
        })
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn calm(&self) {
        self.telegram.clear_faults();
        self.model.standing(Script::default());
    }

    /// Whether the platform has nothing left to hand out.
    pub(crate) fn is_still(&self) -> bool {
        self.telegram.pending_updates().is_empty()
    }

    /// Notes which updates the platform need not keep any more.
    pub(crate) fn note_confirmed(&self, ledger: &Ledger) {
        let waiting = self.telegram.pending_updates();
        let waiting: Vec<i64> = waiting
            .iter()
            .filter_map(|update| update["update_id"].as_i64())
            .collect();
        ledger.confirm_all_but(&waiting);
    }

    /// Posts again what was posted and not answered.
    pub(crate) async fn ask_again(&self, server: &Server, ledger: &Ledger) -> Result<()> {
        let posted = self.posted.lock().expect("nobody panics with it").clone();
        let open = ledger.open();
        for (marker, body) in posted
            .into_iter()
            .filter(|(marker, _)| open.contains(marker))
        {
            self.post(server, &marker, &body, ledger).await?;
        }
        Ok(())
    }

    /// Brings the probe where it is meant to be. The caller kills at once.
    pub(crate) async fn steer(
        &self,
        aim: Aim,
        server: &Server,
        probe: &str,
        ledger: &Ledger,
        rng: &mut StdRng,
    ) -> Result<()> {
        match aim {
            Aim::BeforeAppend => self.before_append(server, probe, ledger, rng).await,
            Aim::Appended if rng.random_bool(0.5) => self.album(probe, ledger).await,
            Aim::Appended => self.behind_a_turn(server, probe, ledger).await,
            Aim::InTurn => self.in_turn(server, probe, ledger, rng).await,
            Aim::Planned => self.refused(probe, ledger).await,
            Aim::Custody => self.held(probe, ledger, rng).await,
            Aim::Anywhere => self.anywhere(server, probe, ledger, rng).await,
        }?;
        sleep(Duration::from_micros(rng.random_range(0..20_000))).await;
        Ok(())
    }

    fn prober(&self) -> i64 {
        Self::PROBERS[self.turn.fetch_add(1, Ordering::SeqCst) % Self::PROBERS.len()]
    }

    fn body(&self, probe: &str, ledger: &Ledger) -> Value {
        ledger.said(probe, probe, None);
        let body = message(probe, probe, probe, &format!("hello {probe}"));
        self.posted
            .lock()
            .expect("nobody panics with it")
            .push((probe.to_owned(), body.clone()));
        body
    }

    async fn post(
        &self,
        server: &Server,
        marker: &str,
        body: &Value,
        ledger: &Ledger,
    ) -> Result<()> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(SOON)
            .build()?;
        let request = http.post(format!(
            "{}/v1/connections/{}/messages",
            server.url, self.feed.id
        ));
        let answer = request
            .bearer_auth(&self.feed.token)
            .json(body)
            .send()
            .await?;
        anyhow::ensure!(
            answer.status() == 200,
            "a probe was answered {}",
            answer.status()
        );
        ledger.confirm(marker);
        Ok(())
    }

    fn tell(&self, person: i64, probe: &str, ledger: &Ledger) {
        let said = self.telegram.say(person, person, &format!("hello {probe}"));
        ledger.said(probe, probe, said.update_id);
    }

    /// A request of which a random part has been sent, at times all of it.
    async fn before_append(
        &self,
        server: &Server,
        probe: &str,
        ledger: &Ledger,
        rng: &mut StdRng,
    ) -> Result<()> {
        let body = self.body(probe, ledger).to_string();
        let place = server.url.trim_start_matches("http://");
        let head = format!(
            "POST /v1/connections/{}/messages HTTP/1.1\r\nHost: {place}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.feed.id,
            self.feed.token,
            body.len()
        );
        let whole = format!("{head}{body}");
        let part = if rng.random_bool(0.15) {
            whole.len()
        } else {
            rng.random_range(head.len()..whole.len())
        };
        let mut stream = TcpStream::connect(place).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&whole.as_bytes()[..part]).await?;
        // The stream outlives this call: a closed one would be an answer of a kind.
        std::mem::drop(tokio::spawn(async move {
            sleep(Duration::from_secs(2)).await;
            drop(stream);
        }));
        Ok(())
    }

    /// Pictures that belong together wait for the rest of them.
    async fn album(&self, probe: &str, ledger: &Ledger) -> Result<()> {
        let person = self.prober();
        let picture = || {
            Share::new(
                telegram::FileKind::Photo,
                "dot.png",
                "image/png",
                PNG.to_vec(),
            )
        };
        let shares = vec![picture().with_caption(&format!("hello {probe}")), picture()];
        let said = self
            .telegram
            .album(person, person, shares)
            .map_err(anyhow::Error::msg)?;
        ledger.said(probe, probe, said.first().and_then(|it| it.update_id));
        let wanted: Vec<i64> = said.iter().filter_map(|it| it.update_id).collect();
        wait("the album is taken", || async {
            let waiting = self.telegram.pending_updates();
            !waiting.iter().any(|it| {
                it["update_id"]
                    .as_i64()
                    .is_some_and(|it| wanted.contains(&it))
            })
        })
        .await
    }

    /// A message of somebody whose turn is running.
    async fn behind_a_turn(&self, server: &Server, probe: &str, ledger: &Ledger) -> Result<()> {
        self.model.standing(Script::default().holding_after(0));
        let first = probe.replace("probe", "plug");
        ledger.said(&first, &first, None);
        let body = message(&first, probe, probe, &format!("hello {first}"));
        self.posted
            .lock()
            .expect("nobody panics with it")
            .push((first.clone(), body.clone()));
        self.post(server, &first, &body, ledger).await?;
        self.asked(&first).await?;
        let body = self.body(probe, ledger);
        self.post(server, probe, &body, ledger).await
    }

    /// A message whose answer the model holds, after some words of it.
    async fn in_turn(
        &self,
        server: &Server,
        probe: &str,
        ledger: &Ledger,
        rng: &mut StdRng,
    ) -> Result<()> {
        self.model
            .standing(Script::default().holding_after(rng.random_range(0..2)));
        if rng.random_bool(0.5) {
            let body = self.body(probe, ledger);
            self.post(server, probe, &body, ledger).await?;
        } else {
            self.tell(self.prober(), probe, ledger);
        }
        self.asked(probe).await
    }

    /// Waits until the model was asked about it.
    async fn asked(&self, marker: &str) -> Result<()> {
        wait("the model is asked", || async {
            let asked = self.model.requests();
            asked
                .iter()
                .rev()
                .take(50)
                .any(|it| format!("{it:?}").contains(marker))
        })
        .await
    }

    /// A reply the platform refuses for a while.
    async fn refused(&self, probe: &str, ledger: &Ledger) -> Result<()> {
        self.spoil(
            probe,
            ledger,
            Fault::TooManyRequests { retry_after: 1 },
            3,
            |call| call.status == Some(429),
        )
        .await?;
        // What the refusal means is on its way to the rows.
        sleep(Duration::from_millis(60)).await;
        Ok(())
    }

    /// A reply the platform does not answer, whether or not it took it.
    async fn held(&self, probe: &str, ledger: &Ledger, rng: &mut StdRng) -> Result<()> {
        let fault = if rng.random_bool(0.5) {
            Fault::Hang
        } else {
            Fault::SlowAnswer { ms: 8_000 }
        };
        self.spoil(probe, ledger, fault, 1, |_| true).await
    }

    async fn spoil(
        &self,
        probe: &str,
        ledger: &Ledger,
        fault: Fault,
        count: u32,
        met: fn(&telegram::Call) -> bool,
    ) -> Result<()> {
        let person = self.prober();
        let mut planned = Planned::new("sendMessage", fault).times(count);
        planned.chat_id = Some(person);
        self.telegram.plan(planned);
        self.tell(person, probe, ledger);
        wait("the reply is sent", || async {
            let calls = self.telegram.calls_of("sendMessage");
            calls.iter().rev().take(30).any(|call| {
                call.fault.is_some()
                    && call.params["text"]
                        .as_str()
                        .is_some_and(|text| text.contains(probe))
                    && met(call)
            })
        })
        .await
    }

    /// Wherever it happens to be after a few milliseconds.
    async fn anywhere(
        &self,
        server: &Server,
        probe: &str,
        ledger: &Ledger,
        rng: &mut StdRng,
    ) -> Result<()> {
        if rng.random_bool(0.5) {
            self.tell(self.prober(), probe, ledger);
        } else {
            let body = self.body(probe, ledger);
            // Cut off by the kill at times; asked again at the end.
            let _ = timeout(
                Duration::from_millis(rng.random_range(0..6)),
                self.post(server, probe, &body, ledger),
            )
            .await;
        }
        sleep(Duration::from_millis(rng.random_range(0..60))).await;
        Ok(())
    }
}

/// Lets the next stranger who wrote talk.
async fn approve(server: &Server) -> Result<()> {
    for _ in 0..200 {
        let waiting = server.operate("GET", "/v1/pairing", None).await?;
        if let Some(id) = waiting["items"][0]["id"].as_str() {
            server
                .operate("POST", &format!("/v1/pairing/{id}/approve"), None)
                .await?;
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("nobody waits to be approved")
}

async fn wait<F: Future<Output = bool>>(what: &str, mut met: impl FnMut() -> F) -> Result<()> {
    let waiting = async {
        while !met().await {
            sleep(Duration::from_millis(4)).await;
        }
    };
    timeout(SOON, waiting)
        .await
        .with_context(|| format!("{what}: it did not happen within {} s", SOON.as_secs()))
}

/// One pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0,
    1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54,
    0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0xf0, 0x1f, 0, 5, 0, 1, 0xff, 0x89, 0x99, 0x3d, 0x1d, 0, 0,
    0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];
