//! The Lambda entry point of all functions: [`functions::serve`].

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::serve().await
}
