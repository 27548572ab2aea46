//! Lambda entry point of [`functions::Operation::Create`].

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::serve(functions::Operation::Create).await
}
