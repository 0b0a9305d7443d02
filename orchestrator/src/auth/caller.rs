//! From an authenticated caller to permits, which are the only way to the next layer.

use crate::store::Key;
use jiff::Timestamp;
use models::Name;
use models::tenant::Role;

/// Somebody with a valid token, acting in one tenant.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) role: Role,
    pub(super) tenant: Name,
    /// The token's own tenant.
    pub(super) home: Name,
    pub(super) token: String,
    /// Where the token's record stands: by its hash.
    pub(super) key: Key,
    pub(super) ends: Option<Timestamp>,
}

/// The right is missing: 403.
#[derive(Debug, Clone, thiserror::Error)]
#[error("this needs the role {needs}, the token has {has}", needs = .needs.as_str(), has = .has.as_str())]
pub struct Denied {
    pub needs: Role,
    pub has: Role,
}

macro_rules! permit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            tenant: Name,
        }

        impl $name {
            pub fn tenant(&self) -> &Name {
                &self.tenant
            }
        }
    };
}

permit!(
    /// May read within the tenant.
    ReadPermit
);
permit!(
    /// May change slices and operations of the tenant.
    WritePermit
);
permit!(
    /// May change what belongs to the installation: clusters, repositories, tenants, tokens.
    AdminPermit
);

impl Caller {
    fn at_least(&self, needs: Role) -> Result<Name, Denied> {
        if self.role >= needs { Ok(self.tenant.clone()) } else { Err(Denied { needs, has: self.role }) }
    }

    pub fn read(&self) -> Result<ReadPermit, Denied> {
        self.at_least(Role::Viewer).map(|tenant| ReadPermit { tenant })
    }

    pub fn write(&self) -> Result<WritePermit, Denied> {
        self.at_least(Role::Operator).map(|tenant| WritePermit { tenant })
    }

    pub fn admin(&self) -> Result<AdminPermit, Denied> {
        self.at_least(Role::Admin).map(|tenant| AdminPermit { tenant })
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn tenant(&self) -> &Name {
        &self.tenant
    }

    /// The tenant of the token, wherever it acts.
    pub fn home(&self) -> &Name {
        &self.home
    }

    /// The id of the token, for logs and limits.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Only an administrator acts in a tenant that is not the token's own.
    pub fn acting_in(self, tenant: Name) -> Option<Self> {
        (self.role == Role::Admin || self.tenant == tenant).then_some(Self { tenant, ..self })
    }
}
