//! Charts for a plan, from wherever the file says: repositories of the installation, packages of the tenant.

use super::packages::Packages;
use super::repositories::Repositories;
use crate::slices::{ChartPin, Charts, Unresolved};
use crate::store::StoreError;
use async_trait::async_trait;
use models::Name;
use models::slice::{Chart, ChartFrom};

pub struct ChartSources {
    repositories: Repositories,
    packages: Packages,
}

impl ChartSources {
    pub fn new(packages: &Packages) -> Self {
        Self { repositories: packages.repositories().clone(), packages: packages.clone() }
    }
}

#[async_trait]
impl Charts for ChartSources {
    async fn resolve(&self, tenant: &Name, charts: &[&Chart]) -> Result<Vec<Result<ChartPin, Unresolved>>, StoreError> {
        let of_repositories: Vec<&Chart> =
            charts.iter().copied().filter(|chart| chart.repository().is_some()).collect();
        let mut found = match of_repositories.is_empty() {
            true => vec![],
            false => self.repositories.resolve(&of_repositories).await?,
        }
        .into_iter();
        let mut answers = Vec::with_capacity(charts.len());
        for chart in charts {
            answers.push(match &chart.from {
                ChartFrom::Package(package) => self.packages.chart((tenant, package), chart).await?,
                ChartFrom::Repository(_) => found.next().expect("one answer for each chart that was asked for"),
            });
        }
        Ok(answers)
    }
}
