//! Lambda entry point of [`functions::Operation::Release`].

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::serve(functions::Operation::Release).await
}
