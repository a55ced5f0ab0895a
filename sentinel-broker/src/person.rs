//! A caller as a record keeps it, and a person of a record as a policy sees them.

use sentinel_policy::Principal;
use sentinel_store::Person;

use crate::call::Call;
use crate::identity::Caller;

impl Caller {
    /// This caller in this call, for a record. What the person did is judged by it, also later.
    pub(crate) fn in_record(&self, call: &Call) -> Person {
        Person::new(
            self.key.clone(),
            self.user.clone(),
            self.account.clone(),
            self.principal.clone(),
        )
        .with_organization(self.organization.clone())
        .with_source_ip(call.source_ip.map(|address| address.to_string()))
    }
}

/// The person of a record, as a policy sees them.
pub(crate) fn in_policy(person: &Person) -> Principal<'_> {
    Principal::new(&person.user)
        .with_account(person.account.as_str())
        .with_arn(person.principal.as_str())
        .with_organization(person.organization.as_deref())
}
