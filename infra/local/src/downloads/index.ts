export { ensureDownloads, folderOf } from './fetch.ts';
export {
  catalogue,
  elasticsearchDownload,
  kafkaDownload,
  redisDownload,
  registryDownload,
  searchDownload,
  type Download,
} from './catalogue.ts';
export { progressLine, type DownloadProgress } from './progress.ts';
