import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  type Client,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type MethodDefinition,
  type ServiceClientConstructor,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader'
import { type ApiAddress, apiAddressToText } from '../../src/api/address.ts'

/** The .proto files of this project. */
export const PROTOS: string = resolve(import.meta.dirname, '../../src/api/proto')

/** A message as @grpc/proto-loader gives it. */
export type Message = Readonly<Record<string, unknown>>

/** What a unary call came to. */
export type Outcome = { readonly response: Message } | { readonly error: ServiceError }

/** A client of the kind that others have: @grpc/grpc-js on a .proto file, of which Kadmium's own client knows nothing. */
export class ForeignClient {
  readonly #client: Client
  readonly #methods: ServiceDefinition
  readonly #metadata = new Metadata()

  constructor(
    address: ApiAddress,
    service: string,
    definition: PackageDefinition,
    options: { readonly token?: string } = {},
  ) {
    let found: unknown = loadPackageDefinition(definition)
    for (const name of service.split('.')) found = (found as Message)[name] // a tree by name
    const Service = found as ServiceClientConstructor // the leaf that a service's name leads to
    const target =
      address.type === 'unix' ? `unix:${address.path}` : `ipv4:${apiAddressToText(address)}`
    this.#client = new Service(target, credentials.createInsecure())
    this.#methods = Service.service
    if (options.token !== undefined) this.#metadata.set('authorization', `Bearer ${options.token}`)
  }

  /** Calls a unary method. */
  call(method: string, request: Message): Promise<Outcome> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    return new Promise((end) => {
      this.#client.makeUnaryRequest<Message, Message>(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        (error, response = {}) => end(error === null ? { response } : { error }),
      )
    })
  }

  /** Calls a method that streams its answers. */
  stream(
    method: string,
    request: Message,
    options: { readonly deadline?: Date } = {},
  ): ClientReadableStream<Message> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    return this.#client.makeServerStreamRequest<Message, Message>(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      this.#metadata,
      options,
    )
  }

  /** Calls a method that streams both ways, and gives the answers to a list of questions. */
  async converse(method: string, questions: readonly Message[]): Promise<Message[]> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    const call = this.#client.makeBidiStreamRequest<Message, Message>(
      path,
      requestSerialize,
      responseDeserialize,
      this.#metadata,
    )
    const answers: Message[] = []
    call.on('data', (answer: Message) => answers.push(answer))
    const ended = new Promise((end, fail) => call.on('end', end).on('error', fail))
    for (const question of questions) call.write(question)
    call.end()
    await ended
    return answers
  }

  close(): void {
    this.#client.close()
  }

  #method(name: string): MethodDefinition<Message, Message> {
    const method: MethodDefinition<Message, Message> | undefined = this.#methods[name]
    if (method === undefined) throw new Error(`the .proto file declares no ${name}`)
    return method
  }
}

/** The error that a stream ends with. */
export function errorOfStream(call: ClientReadableStream<Message>): Promise<ServiceError> {
  return new Promise((end) => call.on('error', (error) => end(error as ServiceError))) // so says grpc-js
}

/** Reads a .proto file of this project. */
export function loadProto(path: string): PackageDefinition {
  return loadSync(path, { includeDirs: [PROTOS], longs: String, enums: String, oneofs: true })
}

/** Reads a .proto file from its text, as somebody else would write it. */
export function loadProtoText(text: string, options: Options = {}): PackageDefinition {
  const folder = mkdtempSync(join(tmpdir(), 'kadmium-proto-'))
  try {
    writeFileSync(join(folder, 'foreign.proto'), text)
    return loadSync(join(folder, 'foreign.proto'), options)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The error of a call that must have failed. */
export function errorOf(outcome: Outcome): ServiceError {
  if ('error' in outcome) return outcome.error
  throw new Error(`the call succeeded: ${JSON.stringify(outcome.response)}`)
}

/** The answer to a call that must have succeeded. */
export function responseOf(outcome: Outcome): Message {
  if ('response' in outcome) return outcome.response
  throw outcome.error
}
