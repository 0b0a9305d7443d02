//! The ledger of orphans: what stands in the world and is wanted by nobody.

use super::App;
use super::listing::page;
use super::params;
use super::problem::Problem;
use super::reply::{Input, Reply};
use crate::auth::Caller;
use crate::slices::Picked;
use models::{Orphan, OrphanCause};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn list(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let all = app.slices.orphans(caller.read()?.tenant(), &picked(&input)?).await?;
    page(&input, "/api/v1/orphans", all.iter().map(|orphan| (key(orphan), view(orphan))).collect())
}

/// Looks at clusters, which are everybody's; what is found is shown to its own tenant only.
pub(crate) async fn scan(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    caller.write()?;
    Reply::ok(&app.slices.scan(&picked(&input)?).await?)
}

pub(crate) async fn remove(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.write()?;
    let asked = (&picked(&input)?, input.flag("allowDataLoss")?);
    let removal = app.slices.remove_orphans(permit.tenant(), asked).await?;
    Reply::with(202, &json!({"operations": removal.operations, "struck": removal.struck, "left": removal.left}))
}

pub(crate) async fn adopt(app: Arc<App>, caller: Caller, input: Input) -> Result<Reply, Problem> {
    let permit = caller.write()?;
    let adopted = app.slices.adopt_orphans(permit.tenant(), &picked(&input)?).await?;
    Reply::ok(&json!({"adopted": adopted.iter().map(view).collect::<Vec<_>>()}))
}

fn picked(input: &Input) -> Result<Picked, Problem> {
    let ids: Vec<String> = input.all("id").map(str::to_owned).collect();
    if let Some(id) = ids.iter().find(|id| !id.contains(':')) {
        return Err(params::value("id", format!("id: {id:?} is none of the ledger, as edge:v1/Namespace/NAME")));
    }
    Ok(Picked { clusters: input.names("cluster")?, slices: input.names("slice")?, ids })
}

fn key(orphan: &Orphan) -> String {
    format!("{}/{}", orphan.uid, orphan.id)
}

fn view(orphan: &Orphan) -> Value {
    let next = match orphan.cause {
        OrphanCause::Unreachable => format!("it goes by itself when {} can be reached", orphan.id.target),
        OrphanCause::LeftOut => format!("sliceway orphans --remove --slice {}", orphan.slice),
        OrphanCause::Forgotten => {
            format!(
                "remove it on {} by hand, or when that is back: sliceway orphans --remove --id {}",
                orphan.id.target, orphan.id
            )
        }
        OrphanCause::Found => {
            format!("sliceway orphans --remove --id {id}, or to keep it: --adopt --id {id}", id = orphan.id)
        }
    };
    json!({
        "id": orphan.id.to_string(),
        "cluster": orphan.id.target.to_string(),
        "kind": orphan.id.kind,
        "namespace": orphan.id.namespace,
        "name": orphan.id.name,
        "slice": orphan.slice,
        "uid": orphan.uid,
        "cause": orphan.cause.as_str(),
        "since": orphan.since,
        "operation": orphan.operation,
        "next": next,
    })
}
