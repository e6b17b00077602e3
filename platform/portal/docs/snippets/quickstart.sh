BASE_URL=http://localhost:8000
KEY="Authorization: Bearer $MUTOSCOPE_API_KEY"

# 1. Submit an image and a prompt. The response is immediate and contains the id of the video.
RESPONSE=$(curl -sS "$BASE_URL/v1/videos" -H "$KEY" \
  -H "Idempotency-Key: first-try-$(date +%s)" \
  -F image=@photo.jpg \
  -F prompt="The camera zooms in slowly" \
  -F preset=fast)
VIDEO=$(echo "$RESPONSE" | grep -o 'vid_[0-9a-f]*' | head -n 1)
echo "${VIDEO:-$RESPONSE}"

# 2. Wait. The server delays each response for up to 30 seconds, until the status changes.
STATUS=${VIDEO:+queued}
while [ "$STATUS" = queued ] || [ "$STATUS" = in_progress ]; do
  STATUS=$(curl -sS --fail-with-body "$BASE_URL/v1/videos/$VIDEO?wait=30" -H "$KEY" |
    grep -o '"status":"[a-z_]*"' | cut -d '"' -f 4)
  echo "$STATUS"
done

# 3. Download the video if it was made.
if [ "$STATUS" = completed ]; then
  curl -sS --fail-with-body "$BASE_URL/v1/videos/$VIDEO/content" -H "$KEY" --output video.mp4
fi
