import { fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { status } from '@grpc/grpc-js'
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader'
import { afterEach, describe, expect, it } from 'vitest'
import { FakePeer } from './fake-peer.ts'
import { ForeignClient, loadProtoText, type Message, responseOf } from './foreign-client.ts'
import { Servers } from './servers.ts'

const servers = new Servers()

afterEach(() => servers.close())

// The part of the published protocol that grpcurl asks for, as a client knows it.
const protoOf = (version: string): string => `
  syntax = "proto3";
  package grpc.reflection.${version};
  service ServerReflection {
    rpc ServerReflectionInfo(stream ServerReflectionRequest) returns (stream ServerReflectionResponse);
  }
  message ServerReflectionRequest {
    string host = 1;
    oneof message_request {
      string file_by_filename = 3;
      string file_containing_symbol = 4;
      ExtensionRequest file_containing_extension = 5;
      string all_extension_numbers_of_type = 6;
      string list_services = 7;
    }
  }
  message ExtensionRequest { string containing_type = 1; int32 extension_number = 2; }
  message ServerReflectionResponse {
    string valid_host = 1;
    ServerReflectionRequest original_request = 2;
    oneof message_response {
      FileDescriptorResponse file_descriptor_response = 4;
      ExtensionNumberResponse all_extension_numbers_response = 5;
      ListServiceResponse list_services_response = 6;
      ErrorResponse error_response = 7;
    }
  }
  message FileDescriptorResponse { repeated bytes file_descriptor_proto = 1; }
  message ExtensionNumberResponse { string base_type_name = 1; repeated int32 extension_number = 2; }
  message ListServiceResponse { repeated ServiceResponse service = 1; }
  message ServiceResponse { string name = 1; }
  message ErrorResponse { int32 error_code = 1; string error_message = 2; }
`

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  it('lists the services', async () => {
    const [answer] = await ask(version, [{ listServices: '*' }])
    expect(answer?.listServicesResponse).toEqual({
      service: [
        { name: 'kadmium.v1.Kadmium' },
        { name: 'kv.KV' },
        { name: 'grpc.reflection.v1.ServerReflection' },
        { name: 'grpc.reflection.v1alpha.ServerReflection' },
      ],
    })
  })

  it('gives the file of a service, a method, a message, a field and an enum, and by its name', async () => {
    const answers = await ask(version, [
      { fileContainingSymbol: 'kadmium.v1.Kadmium' },
      { fileContainingSymbol: 'kadmium.v1.Kadmium.Put' },
      { fileContainingSymbol: 'kadmium.v1.LookupStep.Type' },
      { fileContainingSymbol: 'kadmium.v1.PutRequest.if_sequence' },
      { fileByFilename: 'kadmium/v1/kadmium.proto' },
      { fileContainingSymbol: 'kv.KV' },
      { fileContainingSymbol: `grpc.reflection.${version}.ServerReflection` },
      { fileContainingSymbol: 'google.rpc.ErrorInfo' },
    ])
    expect(answers.map((answer) => filesIn(answer).map(({ name }) => name))).toEqual([
      ...Array.from({ length: 5 }, () => ['kadmium/v1/kadmium.proto']),
      ['kv/kv.proto'],
      [`grpc/reflection/${version}/reflection.proto`],
      ['google/rpc/error_details.proto'],
    ])
    // A tool that asks for the imports of a file would not get them: there are none.
    expect(answers.flatMap(filesIn).flatMap(({ dependency }) => dependency)).toEqual([])
  })

  it('says what it does not know, gives the question back, and goes on', async () => {
    const answers = await ask(version, [
      { host: 'here', fileContainingSymbol: 'no.Such' },
      { fileByFilename: '../../etc/passwd' },
      { fileContainingExtension: { containingType: 'kv.KVRequest', extensionNumber: 9 } },
      { allExtensionNumbersOfType: 'kv.KVRequest' },
      {},
    ])
    const codes = answers.map(({ errorResponse }) => (errorResponse as Message | null)?.errorCode)
    const { NOT_FOUND, INVALID_ARGUMENT } = status
    expect(codes).toEqual([NOT_FOUND, NOT_FOUND, NOT_FOUND, undefined, INVALID_ARGUMENT])
    expect(answers[0]).toMatchObject({
      validHost: 'here',
      originalRequest: { host: 'here', fileContainingSymbol: 'no.Such' },
    })
    expect(answers[3]?.allExtensionNumbersResponse).toMatchObject({ baseTypeName: 'kv.KVRequest' })
  })
})

it('is enough for a client that has no .proto file to put and get', async () => {
  const { address } = await servers.serve(new FakePeer())
  const [answer] = await askAt(address, 'v1', [{ fileContainingSymbol: 'kadmium.v1.Kadmium' }])
  const file = Buffer.from(descriptorsIn(answer)[0] ?? '')
  // A FileDescriptorSet is its files as field 1.
  const definition = loadFileDescriptorSetFromBuffer(Buffer.concat([fieldOne(file.length), file]))
  const client = servers.use(new ForeignClient(address, 'kadmium.v1.Kadmium', definition))
  responseOf(await client.call('Put', { key: 'greeting', value: Buffer.from('hello') }))
  const got = responseOf(await client.call('Get', { key: 'greeting' }))
  expect(String(got.value)).toBe('hello')
})

async function ask(version: string, questions: readonly Message[]): Promise<Message[]> {
  const { address } = await servers.serve(new FakePeer())
  return askAt(address, version, questions)
}

async function askAt(
  address: ConstructorParameters<typeof ForeignClient>[0],
  version: string,
  questions: readonly Message[],
): Promise<Message[]> {
  const service = `grpc.reflection.${version}.ServerReflection`
  const definition = loadProtoText(protoOf(version))
  const client = servers.use(new ForeignClient(address, service, definition))
  return client.converse('ServerReflectionInfo', questions)
}

function descriptorsIn(answer: Message | undefined): Uint8Array[] {
  const found = answer?.fileDescriptorResponse as { fileDescriptorProto: Uint8Array[] } | null // as declared above
  return found?.fileDescriptorProto ?? []
}

function filesIn(answer: Message): { name: string; dependency: string[] }[] {
  return descriptorsIn(answer).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
}

/** Tag and length of a field 1 of so many bytes. */
function fieldOne(length: number): Buffer {
  const bytes = [0x0a]
  let rest = length
  for (; rest > 127; rest >>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}
