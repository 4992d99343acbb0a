//! What people set up.

use super::Reader;
use chatbox_core::id::AccountId;
use chatbox_core::store::{Noted, Record, RecordKind, Remembered, StoreError, Subscription};

impl Reader {
    /// Every record of a kind, of one account or of all.
    pub(in crate::sqlite) async fn records(
        &self,
        kind: RecordKind,
        account: Option<&AccountId>,
    ) -> Result<Vec<Record>, StoreError> {
        let sql = "SELECT r.*, a.name AS account_name FROM records AS r JOIN accounts AS a ON a.id = r.account \
             WHERE r.kind = ?1 AND (?2 IS NULL OR a.name = ?2) ORDER BY r.id";
        let query = sqlx::query(sql).bind(kind.as_str());
        self.all(query.bind(account.map(|it| it.as_str().to_owned())))
            .await
    }

    pub(in crate::sqlite) async fn record(
        &self,
        kind: RecordKind,
        id: &str,
    ) -> Result<Option<Record>, StoreError> {
        let sql = "SELECT r.*, a.name AS account_name FROM records AS r JOIN accounts AS a ON a.id = r.account \
             WHERE r.kind = ?1 AND r.id = ?2";
        let query = sqlx::query(sql).bind(kind.as_str());
        self.one(query.bind(id.to_owned())).await
    }

    pub(in crate::sqlite) async fn subscriptions(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<Subscription>, StoreError> {
        let sql = "SELECT r.*, a.name AS account_name FROM readers AS r JOIN accounts AS a ON a.id = r.account \
             WHERE r.kind = 'subscription' AND (?1 IS NULL OR a.name = ?1) ORDER BY r.id";
        let query = sqlx::query(sql);
        self.all(query.bind(account.map(|it| it.as_str().to_owned())))
            .await
    }

    pub(in crate::sqlite) async fn remembered(
        &self,
        key: &str,
    ) -> Result<Option<Remembered>, StoreError> {
        let sql = "SELECT asked, reply FROM remembered \
             WHERE key = ?1 AND until > CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";
        self.one(sqlx::query(sql).bind(key.to_owned())).await
    }

    pub(in crate::sqlite) async fn notes(
        &self,
        account: &AccountId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        let sql = "SELECT n.*, a.name AS account_name FROM notes AS n JOIN accounts AS a ON a.id = n.account \
             WHERE a.name = ?1 AND n.id < ?2 ORDER BY n.id DESC LIMIT ?3";
        let query = sqlx::query(sql).bind(account.as_str().to_owned());
        self.all(query.bind(before.unwrap_or(i64::MAX)).bind(limit))
            .await
    }
}
