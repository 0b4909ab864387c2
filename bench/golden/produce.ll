; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef zeroext i1 @produce_rust(ptr noundef nonnull align 8 captures(none) %v1, i64 noundef %v2) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v3 = getelementptr i8, ptr %v1, i64 40
  %v4 = load i32, ptr %v3, align 8
  %v5 = zext i32 %v4 to i64
  %v6 = and i64 %v5, 4294967288
  %v7 = icmp eq i64 %v6, 8
  br i1 %v7, label %b9, label %b1
b1:
  %v8 = getelementptr i8, ptr %v1, i64 16
  %v9 = load ptr, ptr %v8, align 8
  %v10 = getelementptr i8, ptr %v1, i64 44
  %v11 = load i8, ptr %v10, align 4
  %v12 = trunc nuw i8 %v11 to i1
  br i1 %v12, label %b2, label %b3
b2:
  %v13 = load atomic i64, ptr %v9 monotonic, align 8
  br label %b4
b3:
  %v14 = load atomic i32, ptr %v9 monotonic, align 4
  %v15 = zext i32 %v14 to i64
  br label %b4
b4:
  %v16 = phi i64 [ %v13, %b2 ], [ %v15, %b3 ]
  fence acquire
  %v17 = load i64, ptr %v1, align 8
  %v18 = load i8, ptr %v10, align 4
  %v19 = trunc nuw i8 %v18 to i1
  %v20 = sub i64 %v17, %v16
  %v21 = select i1 %v19, i64 -1, i64 4294967295
  %v22 = and i64 %v21, %v20
  %v23 = icmp ugt i64 %v22, %v5
  %v24 = sub nuw nsw i64 %v5, %v22
  %v25 = icmp samesign ult i64 %v24, 16
  %v26 = select i1 %v23, i1 true, i1 %v25
  br i1 %v26, label %b9, label %b5
b5:
  %v27 = load i32, ptr %v3, align 8
  %v28 = zext i32 %v27 to i64
  %v29 = add nsw i64 %v28, -8
  %v30 = and i64 %v29, %v17
  %v31 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  %v32 = load ptr, ptr %v31, align 8
  %v33 = getelementptr inbounds nuw i8, ptr %v32, i64 %v30
  store atomic i32 -2147483640, ptr %v33 monotonic, align 4
  %v34 = getelementptr i8, ptr %v33, i64 4
  store atomic i32 0, ptr %v34 monotonic, align 4
  %v35 = add i64 %v17, 16
  %v36 = and i64 %v21, %v35
  store i64 %v36, ptr %v1, align 8
  %v37 = getelementptr i8, ptr %v1, i64 24
  %v38 = load ptr, ptr %v37, align 8
  %v39 = load i8, ptr %v10, align 4
  %v40 = trunc nuw i8 %v39 to i1
  br i1 %v40, label %b6, label %b7
b6:
  store atomic i64 %v36, ptr %v38 release, align 8
  br label %b8
b7:
  %v41 = trunc i64 %v35 to i32
  store atomic i32 %v41, ptr %v38 release, align 4
  br label %b8
b8:
  %v42 = load ptr, ptr %v31, align 8
  %v43 = getelementptr i8, ptr %v42, i64 %v30
  %v44 = getelementptr i8, ptr %v43, i64 8
  %v45 = icmp ne ptr %v44, null
  tail call void @llvm.assume(i1 %v45)
  store i64 %v2, ptr %v44, align 1
  %v46 = load ptr, ptr %v31, align 8
  %v47 = getelementptr inbounds nuw i8, ptr %v46, i64 %v30
  store atomic i32 8, ptr %v47 release, align 4
  br label %b9
b9:
  %v48 = phi i1 [ true, %b8 ], [ false, %b4 ], [ false, %b0 ]
  ret i1 %v48
}
