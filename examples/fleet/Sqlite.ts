/**
 * A SqlClient over the SQLite in Node: a file is all that runners on one machine need to share. For runners on several machines
 * provide PgClient of `@effect/sql-pg` or another one instead.
 */
import { Context, Effect, Layer, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"

/** SQLite has no booleans and no dates. */
const toSqlite = (value: unknown): SQLInputValue => {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
      return value
    case "boolean":
      return value ? 1 : 0
    default:
      return value === null || value === undefined ? null : value instanceof Uint8Array ? value : String(value)
  }
}

const connect = (database: DatabaseSync): SqlConnection.Connection => {
  const run = <A>(
    sql: string,
    params: ReadonlyArray<unknown>,
    use: (statement: ReturnType<DatabaseSync["prepare"]>, values: ReadonlyArray<SQLInputValue>) => A
  ) =>
    Effect.withFiber<A, SqlError.SqlError>((fiber) =>
      Effect.try({
        try: () => {
          const statement = database.prepare(sql)
          statement.setReadBigInts(Context.get(fiber.context, SqlClient.SafeIntegers))
          return use(statement, params.map(toSqlite))
        },
        catch: (cause) => new SqlError.SqlError({ reason: SqlError.classifySqliteError(cause, { message: sql }) })
      })
    )
  const rows = (sql: string, params: ReadonlyArray<unknown>) =>
    run(sql, params, (statement, values) => statement.all(...values))
  const values = (sql: string, params: ReadonlyArray<unknown>) =>
    run(sql, params, (statement, input): ReadonlyArray<ReadonlyArray<unknown>> => {
      statement.setReturnArrays(true)
      // With arrays asked for, rows are arrays, which the types of Node do not say.
      return statement.all(...input).map((row) => Object.values(row))
    })
  const execute: SqlConnection.Connection["execute"] = (sql, params, transform) =>
    Effect.map(rows(sql, params), (found) => transform?.(found) ?? found)
  return {
    execute,
    executeUnprepared: execute,
    executeRaw: rows,
    executeValues: values,
    executeValuesUnprepared: values,
    executeStream: (sql, params, transform) => Stream.fromIterableEffect(execute(sql, params, transform))
  }
}

/** The database in a file, which several processes may have open. */
export const layer = (file: string) =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(file, { timeout: 2_000 })),
        (database) => Effect.sync(() => database.close())
      )
      database.exec("PRAGMA journal_mode = WAL")
      const acquirers = SqlClient.makeSqliteAcquirers({
        connection: Effect.succeed(connect(database)),
        semaphore: yield* Semaphore.make(1)
      })
      return yield* SqlClient.make({
        ...acquirers,
        compiler: Statement.makeCompilerSqlite(),
        // Takes the lock for writing at the begin: a reader that becomes a writer cannot wait for another writer.
        beginTransaction: "BEGIN IMMEDIATE",
        driver: "node-sqlite",
        spanAttributes: []
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
