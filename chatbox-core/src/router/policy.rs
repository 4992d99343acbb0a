//! A connection's policy where events change it.

use super::single;
use crate::admit::{Decision, admit};
use crate::event::Event;
use crate::house::{House, wall_clock};
use crate::link::Link;
use crate::store::{Admin, Outcome, Step, StoreError};

/// Writes what an event makes of the policy, deciding again while somebody else writes it too. Whether it was a
/// pairing.
pub(super) async fn write_policy(
    house: &House,
    link: &Link,
    event: &Event,
) -> Result<bool, StoreError> {
    loop {
        let (policy, rev) = link.policy();
        let (policy, paired) = match admit(&policy, &link.own, event, wall_clock()) {
            Decision::Remember(policy) => (*policy, false),
            Decision::Pair(policy) => (*policy, true),
            Decision::Admit | Decision::Refuse(_) => return Ok(false),
        };
        let connection = link.id.clone();
        let set = Step::Admin(Box::new(Admin::SetPolicy {
            connection,
            rev,
            policy: policy.clone(),
        }));
        match single(house, set).await? {
            Outcome::Stale => refresh(house, link).await?,
            _ => {
                link.set_policy(policy, rev + 1);
                return Ok(paired);
            }
        }
    }
}

/// Reads the connection's policy again.
pub(crate) async fn refresh(house: &House, link: &Link) -> Result<(), StoreError> {
    let row = house.store.connection(&link.id).await?;
    let row = row.ok_or(StoreError::Closed)?;
    link.set_policy(row.policy, row.policy_rev);
    Ok(())
}
