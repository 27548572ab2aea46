//! Lambda entry point of [`functions::Operation::Lock`].

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::serve(functions::Operation::Lock).await
}
