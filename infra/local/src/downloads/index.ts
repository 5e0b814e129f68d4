export { ensureDownloads, folderOf } from './fetch.ts';
export {
  catalogue,
  kafkaDownload,
  redisDownload,
  registryDownload,
  searchDownload,
  type Download,
} from './catalogue.ts';
export { progressLine, type DownloadProgress } from './progress.ts';
