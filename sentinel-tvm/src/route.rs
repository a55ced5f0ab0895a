//! The routes: the path and method of each, and the operation of the broker that it is.

use sentinel_broker::{Broker, Call, Caller, Denial, ErrorCode};

use crate::event::Incoming;
use crate::parameters;
use crate::response::Response;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Vend,
    Profiles,
    Whoami,
    ListSessions,
    Revoke,
    Reinstate,
    CreateRequest,
    ListRequests,
    ShowRequest,
    ApproveRequest,
    DenyRequest,
    CancelRequest,
    RevokeRequest,
    OpenGrant,
    ListGrants,
    CloseGrant,
    ReviewGrant,
}

/// What a request does, and the id in its path, which is empty if the path has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route<'r> {
    pub(crate) operation: Operation,
    id: &'r str,
}

/// No route matches the request. `allow` lists the methods of the path, if the path exists.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoute {
    pub(crate) denial: Denial,
    pub(crate) allow: Option<String>,
}

/// The routes. `{id}` is one segment of a path.
const ROUTES: [(&str, &str, Operation); 18] = [
    ("/", "GET", Operation::Vend),
    ("/", "POST", Operation::Vend),
    ("/profiles", "GET", Operation::Profiles),
    ("/whoami", "GET", Operation::Whoami),
    ("/requests", "GET", Operation::ListRequests),
    ("/requests", "POST", Operation::CreateRequest),
    ("/requests/{id}", "GET", Operation::ShowRequest),
    ("/requests/{id}/approve", "POST", Operation::ApproveRequest),
    ("/requests/{id}/deny", "POST", Operation::DenyRequest),
    ("/requests/{id}/cancel", "POST", Operation::CancelRequest),
    ("/requests/{id}/revoke", "POST", Operation::RevokeRequest),
    ("/break-glass", "GET", Operation::ListGrants),
    ("/break-glass", "POST", Operation::OpenGrant),
    ("/break-glass/{id}/close", "POST", Operation::CloseGrant),
    ("/break-glass/{id}/review", "POST", Operation::ReviewGrant),
    ("/sessions", "GET", Operation::ListSessions),
    ("/sessions/revoke", "POST", Operation::Revoke),
    ("/sessions/reinstate", "POST", Operation::Reinstate),
];

/// The id in a path of this form, empty if the form has none. `None` if the path has another form.
fn matches<'r>(form: &str, path: &'r str) -> Option<&'r str> {
    let Some((before, after)) = form.split_once("{id}") else {
        return (form == path).then_some("");
    };
    let id = path.strip_prefix(before)?.strip_suffix(after)?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

impl<'r> Route<'r> {
    pub(crate) fn find(method: &str, path: &'r str) -> Result<Self, NoRoute> {
        let here: Vec<_> = ROUTES
            .iter()
            .filter_map(|(form, name, operation)| Some((name, *operation, matches(form, path)?)))
            .collect();
        if let Some((_, operation, id)) = here.iter().find(|(name, ..)| **name == method) {
            return Ok(Self { operation: *operation, id });
        }
        if here.is_empty() {
            let mut paths: Vec<&str> = ROUTES.iter().map(|(path, ..)| *path).collect();
            paths.dedup();
            let message = format!("there is no such path; the paths are `{}`", paths.join("`, `"));
            return Err(NoRoute { denial: Denial::new(ErrorCode::NotFound, message), allow: None });
        }
        let allow = here.iter().map(|(name, ..)| **name).collect::<Vec<_>>().join(", ");
        let denial =
            Denial::new(ErrorCode::MethodNotAllowed, format!("this path supports only {allow}"));
        Err(NoRoute { denial, allow: Some(allow) })
    }

    /// Performs the operation for a caller, and makes its response.
    pub(crate) async fn serve(
        self,
        broker: &Broker,
        call: &Call,
        caller: &Caller,
        request: &Incoming,
    ) -> Result<Response, Denial> {
        Ok(match self.operation {
            Operation::Vend => {
                let vend = parameters::vend(request)?;
                Response::vended(&broker.vend(call, caller, &vend).await?)
            }
            Operation::Profiles => Response::json(200, &broker.profiles(call, caller).await?),
            Operation::Whoami => Response::json(200, &broker.whoami(call, caller).await?),
            Operation::ListSessions => {
                let query = parameters::list_sessions(request)?;
                Response::json(200, &broker.list_sessions(call, caller, &query).await?)
            }
            Operation::Revoke => {
                let revoke = parameters::revoke(request)?;
                Response::json(200, &broker.revoke(call, caller, &revoke).await?)
            }
            Operation::Reinstate => {
                let reinstate = parameters::reinstate(request)?;
                Response::json(200, &broker.reinstate(call, caller, &reinstate).await?)
            }
            Operation::CreateRequest => {
                let create = parameters::create_request(request)?;
                Response::json(201, &broker.create_request(call, caller, &create).await?)
            }
            Operation::ListRequests => {
                let query = parameters::list_requests(request)?;
                Response::json(200, &broker.list_requests(call, caller, &query).await?)
            }
            Operation::ShowRequest => {
                let id = parameters::request_id(self.id)?;
                Response::json(200, &broker.show_request(call, caller, &id).await?)
            }
            Operation::ApproveRequest => {
                let (id, comment) = parameters::on_request(self.id, request)?;
                let comment = comment.as_deref();
                Response::json(200, &broker.approve_request(call, caller, &id, comment).await?)
            }
            Operation::DenyRequest => {
                let (id, comment) = parameters::on_request(self.id, request)?;
                let comment = comment.as_deref();
                Response::json(200, &broker.deny_request(call, caller, &id, comment).await?)
            }
            Operation::CancelRequest => {
                let (id, comment) = parameters::on_request(self.id, request)?;
                let comment = comment.as_deref();
                Response::json(200, &broker.cancel_request(call, caller, &id, comment).await?)
            }
            Operation::RevokeRequest => {
                let (id, comment) = parameters::on_request(self.id, request)?;
                let comment = comment.as_deref();
                Response::json(200, &broker.revoke_request(call, caller, &id, comment).await?)
            }
            Operation::OpenGrant => {
                let open = parameters::open_grant(request)?;
                Response::json(201, &broker.open_grant(call, caller, &open).await?)
            }
            Operation::ListGrants => {
                let query = parameters::list_grants(request)?;
                Response::json(200, &broker.list_grants(call, caller, &query).await?)
            }
            Operation::CloseGrant => {
                let (id, comment) = parameters::on_grant(self.id, request)?;
                let comment = comment.as_deref();
                Response::json(200, &broker.close_grant(call, caller, &id, comment).await?)
            }
            Operation::ReviewGrant => {
                let (id, comment) = parameters::on_grant(self.id, request)?;
                let comment = comment.as_deref();
                Response::json(200, &broker.review_grant(call, caller, &id, comment).await?)
            }
        })
    }
}
