//! The permissions that the command uses. A test compares them with the document that `sentinel iam
//! doctor` prints.

/// Defines the permissions.
macro_rules! permissions {
    ($($name:ident $action:literal;)*) => {
        /// A permission that the command uses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Permission { $($name,)* }

        impl Permission {
            pub(super) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $action,)* }
            }
        }

        /// The actions of all permissions, and the one that API Gateway requires for the signed request.
        #[cfg(test)]
        pub(in super::super) const ALL: &[&str] = &[$($action,)* "execute-api:Invoke"];
    };
}

permissions! {
    ApiGateway "apigateway:GET";
    DescribeAlarms "cloudwatch:DescribeAlarms";
    DescribeBackups "dynamodb:DescribeContinuousBackups";
    DescribeTable "dynamodb:DescribeTable";
    DescribeTtl "dynamodb:DescribeTimeToLive";
    GetItem "dynamodb:GetItem";
    Query "dynamodb:Query";
    GetPolicy "iam:GetPolicy";
    GetPolicyVersion "iam:GetPolicyVersion";
    GetRole "iam:GetRole";
    GetRolePolicy "iam:GetRolePolicy";
    ListAttached "iam:ListAttachedRolePolicies";
    ListRolePolicies "iam:ListRolePolicies";
    ListRoles "iam:ListRoles";
    GetAlias "lambda:GetAlias";
    GetFunction "lambda:GetFunctionConfiguration";
    GetFunctionPolicy "lambda:GetPolicy";
    DescribeLogGroups "logs:DescribeLogGroups";
    DescribeOrganization "organizations:DescribeOrganization";
    DescribePolicy "organizations:DescribePolicy";
    ListParents "organizations:ListParents";
    ListPolicies "organizations:ListPoliciesForTarget";
    GetParameter "ssm:GetParameter";
    GetParameters "ssm:GetParametersByPath";
}
