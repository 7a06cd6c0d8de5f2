import {
  createFileRegistry,
  type DescFile,
  fromJsonString,
  type MessageInitShape,
  toBinary,
  toJsonString,
} from '@bufbuild/protobuf'
import { nestedTypes } from '@bufbuild/protobuf/reflect'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Code, type ConnectRouter } from '@connectrpc/connect'
import {
  file_grpc_reflection_v1_reflection,
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from './gen/grpc/reflection/v1/reflection_pb.ts'

type Response = MessageInitShape<typeof ServerReflectionResponseSchema>
type Answer = NonNullable<Response['messageResponse']>

/**
 * Serves gRPC's reflection of the services that these files declare, so that grpcurl and its like need no .proto file: version
 * 1 and the older `v1alpha`, whose messages are the same.
 */
export function reflectionRoutes(declaring: readonly DescFile[]): (router: ConnectRouter) => void {
  const alpha = alphaFile()
  const files = [...declaring, file_grpc_reflection_v1_reflection, alpha]
  const answerTo = catalogueOf(files)

  async function* serverReflectionInfo(
    questions: AsyncIterable<ServerReflectionRequest>,
  ): AsyncGenerator<Response, void, undefined> {
    for await (const question of questions) {
      const messageResponse = answerTo(question.messageRequest)
      yield { validHost: question.host, originalRequest: question, messageResponse }
    }
  }

  return (router) => {
    router.service(ServerReflection, { serverReflectionInfo })
    router.service(alphaService(alpha), { serverReflectionInfo })
  }
}

/** What is known of the files, by question. */
function catalogueOf(
  files: readonly DescFile[],
): (question: ServerReflectionRequest['messageRequest']) => Answer {
  const services = files.flatMap((file) => file.services.map(({ typeName: name }) => ({ name })))
  const byName = new Map(files.map((file) => [file.proto.name, file]))
  const bySymbol = new Map(
    files.flatMap((file) => symbolsOf(file).map((name) => [name, file] as const)),
  )
  return (question) => {
    switch (question.case) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: services } }
      case 'fileByFilename':
        return fileAnswer(byName.get(question.value), question.value)
      case 'fileContainingSymbol':
        return fileAnswer(bySymbol.get(question.value), question.value)
      case 'fileContainingExtension':
        return errorAnswer(Code.NotFound, 'nothing is extended here')
      case 'allExtensionNumbersOfType':
        return bySymbol.has(question.value)
          ? { case: 'allExtensionNumbersResponse', value: { baseTypeName: question.value } }
          : fileAnswer(undefined, question.value)
      default:
        return errorAnswer(Code.InvalidArgument, 'the request asks nothing that is known here')
    }
  }
}

/** One file is enough: none of ours imports another. */
function fileAnswer(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return errorAnswer(Code.NotFound, `there is no ${asked} here`)
  const bytes = toBinary(FileDescriptorProtoSchema, file.proto)
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: [bytes] } }
}

function errorAnswer(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } }
}

/** Full names of what a file declares. */
function symbolsOf(file: DescFile): string[] {
  return [...nestedTypes(file)].flatMap((type) => {
    switch (type.kind) {
      case 'service':
        return [type.typeName, ...type.methods.map(({ name }) => `${type.typeName}.${name}`)]
      case 'message':
        return [type.typeName, ...type.fields.map(({ name }) => `${type.typeName}.${name}`)]
      default:
        return [type.typeName]
    }
  })
}

/** The same file in the older package. */
function alphaFile(): DescFile {
  const { proto } = file_grpc_reflection_v1_reflection
  const text = toJsonString(FileDescriptorProtoSchema, proto)
  const alpha = fromJsonString(
    FileDescriptorProtoSchema,
    text.replaceAll(/grpc([./])reflection\1v1/g, '$&alpha'),
  )
  const [file] = createFileRegistry(alpha, () => undefined).files
  if (file === undefined) throw new Error('a registry of one file holds it')
  return file
}

function alphaService({ services }: DescFile): typeof ServerReflection {
  return services[0] as typeof ServerReflection // the same service, but for its name
}
