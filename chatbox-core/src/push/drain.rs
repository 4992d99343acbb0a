//! One lane's hand-outs, one after the other.

use super::passing::Came;
use super::settling::{Became, Left, Settling};
use super::{Endpoint, HandOut, Item};
use crate::house::House;
use crate::id::{DeliveryId, MailboxId, Millis};
use crate::lease::Lease;
use crate::meters;
use crate::store::{Delivery, Parcel, Settled, StoreError};
use tokio::time::Instant;

/// How many rows of a lane are read at once.
const ROWS: u32 = 32;

/// A lane that is handed out.
struct Drain<'a> {
    house: &'a House,
    endpoint: &'a dyn Endpoint,
    lease: &'a Lease,
    settling: Settling<'a>,
    /// The one that was handed out last.
    last: Option<DeliveryId>,
}

/// Hands out the rows of a claimed lane in order, until none is left or one must wait: what is known of them, what comes
/// meanwhile, and what is read where neither goes on. Whether none is left.
#[tracing::instrument(skip_all, fields(owner = %lease.lane.owner, lane = %lease.lane.key))]
pub(super) async fn drain(
    house: &House,
    endpoint: &dyn Endpoint,
    lease: &Lease,
    (first, mut came): (Option<HandOut>, Came),
) -> Result<bool, StoreError> {
    let mut drain = Drain {
        house,
        endpoint,
        lease,
        settling: Settling::new(house, lease),
        last: None,
    };
    let mut next = first;
    loop {
        while let Some(hand_out) = next.take() {
            drain.hand(hand_out).await?;
            next = match drain.goes_on() {
                true => drain.last.and_then(|last| came.right_after(last)),
                false => None,
            };
        }
        next = drain.await_next(&mut came).await?;
        if next.is_some() {
            continue;
        }
        if !drain.settling.is_held() {
            return Ok(drain.settling.left == Left::Nothing);
        }
        if !drain.goes_on() || !drain.page().await? {
            drain.settling.release().await?;
            return Ok(drain.settling.left == Left::Nothing);
        }
    }
}

impl Drain<'_> {
    /// Whether another is handed out. A chat that never falls silent must not keep its place from those who wait for one.
    fn goes_on(&self) -> bool {
        let owner = &self.lease.lane.owner;
        let gives_way = self.last.is_some() && self.house.rooms.is_crowded_for(owner);
        self.settling.is_ours() && !gives_way && !self.house.closing.is_cancelled()
    }

    async fn hand(&mut self, hand_out: HandOut) -> Result<(), StoreError> {
        let attempt = attempt(self.endpoint, self.house, &hand_out);
        let became = self.settling.beside(attempt).await?;
        self.last = Some(hand_out.delivery);
        let event = match &hand_out.item {
            Item::Row { .. } => None,
            Item::Event { event, .. } => Some(event.kind),
        };
        self.settling.settle(hand_out.delivery, became, event).await
    }

    /// The next that is passed on until everything is settled, if one is.
    async fn await_next(&mut self, came: &mut Came) -> Result<Option<HandOut>, StoreError> {
        let Some(last) = self.last.filter(|_| self.goes_on()) else {
            self.settling.all().await?;
            return Ok(None);
        };
        tokio::select! {
            biased;
            settled = self.settling.all() => settled.map(|()| None),
            hand_out = came.comes_after(last) => Ok(Some(hand_out)),
        }
    }

    /// Hands out what is read. Whether there was anything.
    async fn page(&mut self) -> Result<bool, StoreError> {
        let rows = self.house.store.queued(&self.lease.lane, ROWS).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let (now, read) = (self.house.store.now().await?, Instant::now());
        for row in &rows {
            let passed = i64::try_from(read.elapsed().as_millis()).unwrap_or(i64::MAX);
            self.row(row, Millis(now.0.saturating_add(passed))).await?;
            if !self.goes_on() {
                break;
            }
        }
        self.settling.all().await?;
        Ok(true)
    }

    /// One attempt with one row.
    async fn row(&mut self, row: &Delivery, now: Millis) -> Result<(), StoreError> {
        let reading = async {
            match now >= row.expires {
                true => Ok(Err(Settled::Expired)),
                false => hand_out(self.house, row).await,
            }
        };
        let (to, pause_after) = match self.settling.beside(reading).await?? {
            Ok(hand_out) => return self.hand(hand_out).await,
            Err(Settled::Expired) => (Settled::Expired, Some(self.house.tuning.pause_after)),
            Err(never) => (never, None),
        };
        self.last = Some(row.id);
        let event = match &row.parcel {
            Parcel::Event { event } => Some(event.kind),
            _ => None,
        };
        let became = Became { to, pause_after };
        self.settling.settle(row.id, became, event).await
    }
}

async fn attempt(endpoint: &dyn Endpoint, house: &House, hand_out: &HandOut) -> Became {
    let began = Instant::now();
    let handed = endpoint.hand(hand_out).await;
    meters::hand_out_tried(began.elapsed());
    Became::of(handed, house)
}

/// What is handed out, or what becomes of it where there is nothing.
async fn hand_out(
    house: &House,
    delivery: &Delivery,
) -> Result<Result<HandOut, Settled>, StoreError> {
    let nothing = || Settled::Failed {
        reason: "there is nothing left to hand out".to_owned(),
    };
    let item = match &delivery.parcel {
        Parcel::Perform(_) => return Ok(Err(nothing())),
        Parcel::Event { event } => Item::Event {
            subscription: delivery.lane.owner.clone(),
            event: event.clone(),
        },
        Parcel::Hand { focal } => {
            let chat = house.store.chat(delivery.chat).await?;
            let row = house.store.row(delivery.seq).await?;
            let (Some(chat), Some(row)) = (chat, row) else {
                return Ok(Err(nothing()));
            };
            Item::Row {
                mailbox: MailboxId::new(delivery.lane.owner.clone()),
                focal: *focal,
                chat: Box::new(chat),
                row: Box::new(row),
            }
        }
    };
    Ok(Ok(HandOut {
        delivery: delivery.id,
        attempts: delivery.attempts,
        at: delivery.at,
        item,
    }))
}
