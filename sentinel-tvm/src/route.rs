//! The routes: the path and method of each, and the operation of the broker that it is.

use sentinel_broker::{Broker, Call, Caller, Denial, ErrorCode};

use crate::event::Incoming;
use crate::parameters;
use crate::response::Response;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Vend,
    Profiles,
    Whoami,
    ListSessions,
    Revoke,
    Reinstate,
}

/// No route matches the request. `allow` lists the methods of the path, if the path exists.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoute {
    pub(crate) denial: Denial,
    pub(crate) allow: Option<String>,
}

const ROUTES: [(&str, &str, Route); 7] = [
    ("/", "GET", Route::Vend),
    ("/", "POST", Route::Vend),
    ("/profiles", "GET", Route::Profiles),
    ("/whoami", "GET", Route::Whoami),
    ("/sessions", "GET", Route::ListSessions),
    ("/sessions/revoke", "POST", Route::Revoke),
    ("/sessions/reinstate", "POST", Route::Reinstate),
];

impl Route {
    pub(crate) fn find(method: &str, path: &str) -> Result<Self, NoRoute> {
        let here: Vec<_> = ROUTES.iter().filter(|(route, ..)| *route == path).collect();
        if let Some((.., route)) = here.iter().find(|(_, name, _)| *name == method) {
            return Ok(*route);
        }
        if here.is_empty() {
            let mut paths: Vec<&str> = ROUTES.iter().map(|(path, ..)| *path).collect();
            paths.dedup();
            let message = format!("there is no such path; the paths are `{}`", paths.join("`, `"));
            return Err(NoRoute { denial: Denial::new(ErrorCode::NotFound, message), allow: None });
        }
        let allow = here.iter().map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ");
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
        Ok(match self {
            Self::Vend => {
                let vend = parameters::vend(request)?;
                Response::vended(&broker.vend(call, caller, &vend).await?)
            }
            Self::Profiles => Response::json(200, &broker.profiles(call, caller).await?),
            Self::Whoami => Response::json(200, &broker.whoami(call, caller).await?),
            Self::ListSessions => {
                let query = parameters::list_sessions(request)?;
                Response::json(200, &broker.list_sessions(call, caller, &query).await?)
            }
            Self::Revoke => {
                let revoke = parameters::revoke(request)?;
                Response::json(200, &broker.revoke(call, caller, &revoke).await?)
            }
            Self::Reinstate => {
                let reinstate = parameters::reinstate(request)?;
                Response::json(200, &broker.reinstate(call, caller, &reinstate).await?)
            }
        })
    }
}
